"""From text to statements: lines joined, comments dropped, heredocs collected (reference.md, "Format").

Nothing here knows what an instruction means, but for which of them may hold a heredoc.
"""

import re
from typing import Final

import attrs

from ck.kernel.dockerfile.arguments import json_words
from ck.kernel.dockerfile.directives import Directives, read_directives
from ck.kernel.dockerfile.errors import DockerfileError, on_line
from ck.kernel.dockerfile.flags import split_flags
from ck.kernel.dockerfile.heredoc import Heredoc, find_heredocs

_HEREDOC_KEYWORDS: Final = frozenset({"ADD", "COPY", "RUN"})
_BLANKS: Final = re.compile(r"[\t\v\f\r ]+")


@attrs.frozen(kw_only=True)
class Statement:
    """One instruction, not yet understood: `KEYWORD --flags rest`, on the lines `line` to `last_line`.

    `original` is its text in one line, as joined; heredocs come after it.
    """

    keyword: str
    flags: tuple[str, ...]
    rest: str
    original: str
    heredocs: tuple[Heredoc, ...]
    line: int
    last_line: int


@attrs.frozen(kw_only=True)
class BuildWarning:
    """Something that builds, but is likely not meant."""

    line: int
    text: str


@attrs.frozen(kw_only=True)
class Lexed:
    directives: Directives
    statements: tuple[Statement, ...]
    warnings: tuple[BuildWarning, ...]


def lex(source: bytes | str) -> Lexed:
    """Split a Dockerfile into statements. Bytes that are no UTF-8 come back as os.fsencode() knows them.

    Raises: DockerfileError for a bad directive, an unterminated heredoc, and a file without any instruction.
    """
    text = source.decode("utf-8", "surrogateescape") if isinstance(source, bytes) else source
    return _Lexer(text.removeprefix("\ufeff")).lex()


def split_statement(original: str, escape: str) -> tuple[str, tuple[str, ...], str]:
    """The keyword, the flags and the rest of a joined line."""
    keyword, *rest = _BLANKS.split(original, maxsplit=1)
    flags, remainder = split_flags(rest[0] if rest else "", escape)
    return keyword, flags, remainder.strip()


class _Lexer:
    def __init__(self, text: str) -> None:
        # Only "\n" ends a line: not what else str.splitlines() splits at, a form feed for one.
        self._lines = text.split("\n")
        if self._lines[-1] == "":
            self._lines.pop()
        self._next = 0
        self._warnings: list[BuildWarning] = []
        self._directives = read_directives(self._lines)
        escape = re.escape(self._directives.escape)
        self._continued = re.compile(rf"(?:^|(?<=[^{escape}])){escape}[ \t]*\Z")

    def lex(self) -> Lexed:
        statements = []
        while self._next < len(self._lines):
            line = self._next + 1
            original = self._logical_line()
            if original:
                with on_line(line):
                    statements.append(self._statement(original, line))
        if not statements:
            raise DockerfileError("file with no instructions")
        return Lexed(directives=self._directives, statements=tuple(statements), warnings=tuple(self._warnings))

    def _statement(self, original: str, line: int) -> Statement:
        keyword, flags, rest = split_statement(original, self._directives.escape)
        heredocs = find_heredocs(original) if self._may_hold_heredocs(keyword, rest) else []
        filled = tuple(attrs.evolve(heredoc, content=self._content(heredoc)) for heredoc in heredocs)
        return Statement(
            keyword=keyword,
            flags=flags,
            rest=rest,
            original=original,
            heredocs=filled,
            line=line,
            last_line=self._next,
        )

    def _may_hold_heredocs(self, keyword: str, rest: str) -> bool:
        if keyword.upper() == "ONBUILD":
            keyword, _, rest = split_statement(rest, self._directives.escape)
        return keyword.upper() in _HEREDOC_KEYWORDS and json_words(rest) is None

    def _logical_line(self) -> str:
        """The next line with all that continues it, without comments; "" for a blank line and a comment."""
        parts: list[str] = []
        continued = True
        while continued and self._next < len(self._lines):
            line = self._lines[self._next].rstrip("\r")
            self._next += 1
            stripped = line.lstrip()
            if stripped.startswith("#"):
                continued = bool(parts)
            elif not stripped:
                if continued := bool(parts):
                    self._warnings.append(BuildWarning(line=self._next, text="empty continuation line"))
            else:
                # White space at the start of a continuation is kept: it may stand in a quoted string.
                end = self._continued.search(line if parts else stripped)
                continued = end is not None
                parts.append((line if parts else stripped)[: end.start() if end else None])
        return "".join(parts).strip()

    def _content(self, heredoc: Heredoc) -> str:
        for index in range(self._next, len(self._lines)):
            if heredoc.ended_by(self._lines[index].rstrip("\r")):
                content = "".join(f"{line}\n" for line in self._lines[self._next : index])
                self._next = index + 1
                return content
        raise DockerfileError(f'unterminated heredoc "{heredoc.name}"')
