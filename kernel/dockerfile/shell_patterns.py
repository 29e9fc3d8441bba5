"""Patterns of ${VAR#pattern} and its kind: `*`, `?`, and a backslash for what is meant as it is. No brackets.

Source: reference.md, "Environment replacement". Of all matches at a place the longest is taken, unless said otherwise.
"""

from typing import Final

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.glob import ANY, STAR, Automaton, Kind, Token

MAX_PATTERN: Final = 4096
"""Of one pattern, in characters: what a step of the automaton costs grows with it."""


def trim_prefix(pattern: str, value: str, *, longest: bool) -> str:
    """*value* without the shortest or longest beginning that matches. Raises: DockerfileError for a bad pattern."""
    end = _end(Automaton([_tokens(pattern)]), value, 0, longest=longest)
    return value[end or 0 :]


def trim_suffix(pattern: str, value: str, *, longest: bool) -> str:
    """*value* without the shortest or longest ending that matches. Raises: DockerfileError for a bad pattern."""
    end = _end(Automaton([_tokens(pattern)[::-1]]), value[::-1], 0, longest=longest)
    return value[: len(value) - (end or 0)]


def replace(pattern: str, value: str, replacement: str, *, every: bool, limit: int) -> str:
    """*value* with the first match, or every one, replaced.

    Raises: DockerfileError for a bad pattern, and where the result would be longer than *limit*.
    """
    tokens = _tokens(pattern)
    automaton = Automaton([tokens])
    starts = _starts(Automaton([tokens[::-1]]), value)
    parts: list[str] = []
    done, after, size = 0, -1, len(value)
    at = starts.find(1)
    while at >= 0:
        end = _end(automaton, value, at, longest=True) or at
        if end > at or at != after:  # an empty match right behind another one is none, as in Go and Python
            size += len(replacement) - (end - at)
            if size > limit:
                raise DockerfileError(f"the replacement makes more than {limit} characters")
            parts += [value[done:at], replacement]
            done = after = end
            if not every:
                break
        at = starts.find(1, max(end, at + 1))
    return "".join([*parts, value[done:]])


def _end(automaton: Automaton, text: str, at: int, *, longest: bool) -> int | None:
    """Where the match that begins at *at* ends."""
    states, end = automaton.start, None
    if states & automaton.accepting:
        end = at
    for index in range(at, len(text)):
        if not states or (end is not None and not longest):
            break
        states = automaton.step(states, text[index])
        if states & automaton.accepting:
            end = index + 1
    return end


def _starts(backwards: Automaton, text: str) -> bytearray:
    """1 at every place where a match begins: found in one pass from the end, so that no place is tried in vain."""
    found = bytearray(len(text) + 1)
    states = backwards.start
    found[len(text)] = bool(states & backwards.accepting)
    for index in range(len(text) - 1, -1, -1):
        states = backwards.step(states, text[index]) | backwards.start
        found[index] = bool(states & backwards.accepting)
    return found


def _tokens(pattern: str) -> list[Token]:
    if len(pattern) > MAX_PATTERN:
        raise DockerfileError(f"a pattern in a substitution is longer than {MAX_PATTERN} characters")
    tokens: list[Token] = []
    escaped = False
    for index, char in enumerate(pattern):
        if escaped:
            tokens.append(Token(Kind.CHAR, char))
            escaped = False
        elif char == "\\":
            following = pattern[index + 1 : index + 2]
            if following not in tuple("*?\\}/"):
                raise DockerfileError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{following}'")
            escaped = True
        elif char == "*":
            if tokens[-1:] != [STAR]:
                tokens.append(STAR)
        else:
            tokens.append(ANY if char == "?" else Token(Kind.CHAR, char))
    return tokens
