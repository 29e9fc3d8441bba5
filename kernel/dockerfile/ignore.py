""".dockerignore: which files of the build context are left out, and what COPY --exclude leaves out.

Source: docs.docker.com, "Build context", ".dockerignore files"; the rules are those of moby/patternmatcher. The last
pattern that matches a path, or a directory that it is in, decides; one with a `!` lets it in again.
"""

import posixpath
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.filepath_match import path_tokens
from ck.kernel.dockerfile.glob import DIRECTORIES, STAR, Automaton, Token

_STATES: Final = 1024
"""Of one automaton: more would make the masks of its characters large, fewer the steps many."""
_REMEMBERED: Final = 64
"""Directories whose states are kept."""


def read_ignorefile(source: bytes | str) -> tuple[str, ...]:
    """The patterns of a .dockerignore: cleaned, relative to the context, `!` kept. Comments have `#` in column 1."""
    text = source.decode("utf-8", "surrogateescape") if isinstance(source, bytes) else source
    found: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip()
        if line.startswith("#") or not pattern:
            continue
        negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip()
        if pattern:
            pattern = _clean(pattern)
            # What is below the context's root is all that there is.
            pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        found.append(f"!{pattern}" if negated else pattern)
    return tuple(found)


class PatternMatcher:
    """Patterns, compiled. Paths are relative, with slashes, without "." and ".." in them."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises: DockerfileError for a malformed pattern, and for a `!` alone."""
        self._negated: list[bool] = []
        globs: list[list[Token]] = []
        for pattern in patterns:
            cleaned = _clean(pattern.strip()) if pattern.strip() else ""
            if cleaned == "!":
                raise DockerfileError('illegal exclusion pattern: "!"')
            if cleaned:
                self._negated.append(cleaned.startswith("!"))
                globs.append(_tokens(cleaned.removeprefix("!")))
        self._groups = list(_groups(globs))
        # Whoever walks a tree asks for the files of one directory after another.
        self._entered = lru_cache(maxsize=_REMEMBERED)(self._enter)

    def matches(self, path: str) -> bool:
        """Whether *path* is left out. The root, ".", never is."""
        last = self._last_match(path)
        return last is not None and not self._negated[last]

    def may_include_below(self, directory: str) -> bool:
        """Whether something below *directory* may be let in: if not, nobody need look into it. Errs on that side."""
        last = self._last_match(directory)
        if last is None or self._negated[last]:
            return True
        return any(
            automaton.masks[index - first] & states
            for (first, automaton), (states, _) in zip(self._groups, self._entered(f"{directory}/"), strict=True)
            for index in range(max(first, last + 1), first + len(automaton.masks))
            if self._negated[index]
        )

    def _last_match(self, path: str) -> int | None:
        """The index of the last pattern that matches *path* or a directory above it."""
        if path in ("", "."):
            return None
        start = path.rfind("/") + 1
        entered = self._entered(path[:start])
        for (first, automaton), (states, seen) in zip(reversed(self._groups), reversed(entered), strict=True):
            for char in path[start:]:
                if not states:
                    break
                states = automaton.step(states, char)
            found = automaton.last_glob(seen | states)
            if found is not None:
                return first + found
        return None

    def _enter(self, prefix: str) -> tuple[tuple[int, int], ...]:
        """For every automaton its states after *prefix*, and what of them matched a directory on the way."""
        entered = []
        for _, automaton in self._groups:
            states, seen = automaton.start, 0
            for char in prefix:
                if char == "/":
                    seen |= states & automaton.accepting
                states = automaton.step(states, char)
            entered.append((states, seen))
        return tuple(entered)


def _groups(globs: list[list[Token]]) -> Iterator[tuple[int, Automaton]]:
    """Automata for some globs each, with the index of the first."""
    first = size = 0
    for index, glob in enumerate(globs):
        if size and size + len(glob) > _STATES:
            yield first, Automaton(globs[first:index])
            first, size = index, 0
        size += len(glob)
    if globs:
        yield first, Automaton(globs[first:])


def _clean(pattern: str) -> str:
    """filepath.Clean; unlike it, Python's normpath keeps two slashes at the start."""
    cleaned = posixpath.normpath(pattern)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _tokens(pattern: str) -> list[Token]:
    """As filepath.Match, and `**`: any number of directories, at the end of a pattern anything at all."""
    if pattern.startswith("**") and pattern[2:3] != "/" and not any(char in pattern[2:] for char in "*?[]\\"):
        # `**name` without other wildcards is what ends in "name", be it within a file's name.
        return [STAR, *path_tokens(pattern[2:])]
    tokens: list[Token] = []
    parts = _parts(pattern)
    for index, part in enumerate(parts):
        if index:
            at_end = index == len(parts) - 1 and not part
            more = [STAR] if at_end else [*DIRECTORIES]
            if tokens[-len(more) :] != more:
                tokens += more
        tokens += path_tokens(part.removeprefix("/") if index else part)
    return tokens


def _parts(pattern: str) -> list[str]:
    """*pattern* split at every `**` that is neither escaped nor in a class."""
    parts, start, at, in_class = [], 0, 0, False
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif in_class:
            in_class = pattern[at] != "]"
        elif pattern[at] == "[":
            in_class = True
        elif pattern.startswith("**", at):
            parts.append(pattern[start:at])
            at += 1
            start = at + 1
        at += 1
    return [*parts, pattern[start:]]
