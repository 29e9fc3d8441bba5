"""Wildcards in the sources of COPY and ADD: Go's filepath.Match, and what .dockerignore shares with it.

`*` and `?` never match a slash, `[a-z]` and `[^a-z]` are classes, a backslash takes the meaning from what follows.
"""

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.glob import ANY_BUT_SLASH, STAR_BUT_SLASH, Automaton, Kind, Token

MAX_PATTERN = 4096
"""Of one pattern, in characters: no path is longer (PATH_MAX)."""


class PathPattern:
    """A compiled pattern. Raises: DockerfileError where it is malformed."""

    def __init__(self, pattern: str) -> None:
        self._automaton = Automaton([path_tokens(pattern)])

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the whole of *path*."""
        states = self._automaton.start
        for char in path:
            states = self._automaton.step(states, char)
            if not states:
                return False
        return bool(states & self._automaton.accepting)


def has_wildcard(source: str) -> bool:
    """Whether a source of COPY is a pattern: without one it must exist, and a directory's contents are copied."""
    return any(char in source for char in "*?[")


def path_tokens(pattern: str) -> list[Token]:
    """Raises: DockerfileError where *pattern* is malformed or longer than a path."""
    if len(pattern) > MAX_PATTERN:
        raise DockerfileError(f"a pattern is longer than {MAX_PATTERN} characters")
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            token, at = _class(pattern, at + 1)
            tokens.append(token)
            continue
        if char == "*":
            if tokens[-1:] != [STAR_BUT_SLASH]:
                tokens.append(STAR_BUT_SLASH)
        elif char == "?":
            tokens.append(ANY_BUT_SLASH)
        else:
            char, at = _literal(pattern, at)
            tokens.append(Token(Kind.CHAR, char))
            continue
        at += 1
    return tokens


def _class(pattern: str, at: int) -> tuple[Token, int]:
    """The class whose `[` is just before *at*, and what is behind it."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while at < len(pattern) and not (pattern[at] == "]" and ranges):
        if pattern[at] in "-]":
            raise _malformed(pattern)
        low, at = _literal(pattern, at)
        high = low
        if pattern.startswith("-", at):
            if pattern.startswith(("]", "-"), at + 1):
                raise _malformed(pattern)
            high, at = _literal(pattern, at + 1)
        ranges.append((low, high))
    if at >= len(pattern):
        raise _malformed(pattern)
    return Token(Kind.CLASS, ranges=tuple(ranges), negated=negated), at + 1


def _literal(pattern: str, at: int) -> tuple[str, int]:
    at += pattern.startswith("\\", at)
    if at >= len(pattern):
        raise _malformed(pattern)
    return pattern[at], at + 1


def _malformed(pattern: str) -> DockerfileError:
    return DockerfileError(f'syntax error in pattern "{pattern}"')
