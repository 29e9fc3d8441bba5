"""Wildcards without backtracking: globs become the states of one automaton, kept as the bits of an int.

Three languages are made of its tokens: ${VAR#pattern} (shell_patterns), Go's filepath.Match (filepath_match) and
.dockerignore (ignore). A step costs the same whatever the stars in a glob, and one int holds many globs side by side.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Final

import attrs


class Kind(Enum):
    CHAR = auto()
    ANY = auto()  # one character
    ANY_BUT_SLASH = auto()
    CLASS = auto()
    STAR = auto()  # any number of characters
    STAR_BUT_SLASH = auto()
    SKIP = auto()  # nothing, or what the DIRECTORIES after it match: so that `**/a` matches "a" too
    DIRECTORIES = auto()  # anything that ends in a slash


@attrs.frozen
class Token:
    """`text` is the character of a CHAR; `ranges` and `negated` belong to a CLASS."""

    kind: Kind
    text: str = ""
    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    def holds(self, char: str) -> bool:
        """Whether *char* is in the class."""
        return any(low <= char <= high for low, high in self.ranges) != self.negated


ANY: Final = Token(Kind.ANY)
ANY_BUT_SLASH: Final = Token(Kind.ANY_BUT_SLASH)
STAR: Final = Token(Kind.STAR)
STAR_BUT_SLASH: Final = Token(Kind.STAR_BUT_SLASH)
DIRECTORIES: Final = (Token(Kind.SKIP), Token(Kind.DIRECTORIES))


class Automaton:
    """Several globs at once. The states after reading nothing are `start`; `step` reads one character.

    A bit of `states & accepting` is set for every glob that matches what was read, and some bit of
    `states & masks[glob]` for one that may still match something that begins so.
    """

    def __init__(self, globs: Iterable[Sequence[Token]]) -> None:
        where: dict[Kind, list[int]] = {kind: [] for kind in Kind}
        chars: dict[str, list[int]] = {}
        self._classes: list[tuple[Token, int]] = []
        starts: list[int] = []
        ends: list[int] = []
        for glob in globs:
            starts.append(ends[-1] + 1 if ends else 0)
            ends.append(starts[-1] + len(glob))
            for place, token in enumerate(glob, starts[-1]):
                where[token.kind].append(place)
                if token.kind is Kind.CHAR:
                    chars.setdefault(token.text, []).append(place)
                elif token.kind is Kind.CLASS:
                    self._classes.append((token, 1 << place))
        chars.setdefault("/", []).extend(where[Kind.DIRECTORIES])
        self._chars = {char: _bits(places) for char, places in chars.items()}
        self._leads = _bits(where[Kind.ANY])
        self._leads_but_slash = _bits(where[Kind.ANY_BUT_SLASH])
        self._loops = _bits([*where[Kind.STAR], *where[Kind.DIRECTORIES]])
        self._loops_but_slash = _bits(where[Kind.STAR_BUT_SLASH])
        self._passes = _bits([*where[Kind.STAR], *where[Kind.STAR_BUT_SLASH], *where[Kind.SKIP]])
        self._skips = _bits(where[Kind.SKIP])
        self._glob_ending = {end: glob for glob, end in enumerate(ends)}
        self.masks = [(2 << end) - (1 << start) for start, end in zip(starts, ends, strict=True)]
        self.accepting = _bits(ends)
        self.start = self._close(_bits(starts))

    def step(self, states: int, char: str) -> int:
        """The states after *char*; 0 where nothing can match any more."""
        leads, loops = self._leads | self._chars.get(char, 0), self._loops
        if char != "/":
            leads |= self._leads_but_slash
            loops |= self._loops_but_slash
        for token, bit in self._classes:
            if states & bit and token.holds(char):
                leads |= bit
        return self._close((states & leads) << 1 | states & loops)

    def last_glob(self, states: int) -> int | None:
        """The index of the last glob that matches in *states*."""
        accepted = states & self.accepting
        return self._glob_ending[accepted.bit_length() - 1] if accepted else None

    def _close(self, states: int) -> int:
        """*states* and those that are reached from them by reading nothing."""
        while True:
            more = states | (states & self._passes) << 1 | (states & self._skips) << 2
            if more == states:
                return states
            states = more


def _bits(places: Sequence[int]) -> int:
    """An int in which the bits *places* are set; in one go, for |= on a long int would copy it each time."""
    packed = bytearray(max(places, default=-1) // 8 + 1)
    for place in places:
        packed[place // 8] |= 1 << place % 8
    return int.from_bytes(packed, "little")
