"""Here-documents: `<<EOF` in RUN, COPY and ADD (reference.md, "Here-Documents")."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import attrs

from ck.kernel.dockerfile.errors import DockerfileError

_HEREDOC: Final = re.compile(r"\d*<<(-?)\s*([^<]*)")
_OPENED: Final = re.compile(r"\d*<<-?")
# After `<< `, where a number is rather what a shell shifts by: `$((1 << 4))`.
_NAME: Final = re.compile(r"[^\W\d]|['\"\\-]")
_TABS: Final = re.compile(r"^\t+", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Heredoc:
    """`content` is raw: with the tabs that `<<-` (`chomp`) is to take away. `expand` is false for a quoted name."""

    name: str
    expand: bool = True
    chomp: bool = False
    content: str = ""

    @property
    def text(self) -> str:
        """The content as a shell would hand it on: without leading tabs if it was `<<-`."""
        return _TABS.sub("", self.content) if self.chomp else self.content

    def ended_by(self, line: str) -> bool:
        return (line.lstrip("\t") if self.chomp else line) == self.name


def find_heredocs(line: str) -> list[Heredoc]:
    """The heredocs that *line* opens, in order, without their content."""
    if "<<" not in line:
        return []
    return [heredoc for word in raw_words(line) if (heredoc := parse_heredoc(word)) is not None]


def parse_heredoc(word: str) -> Heredoc | None:
    """The heredoc that a raw *word* opens, or None if it opens none. Raises: DockerfileError for a broken name."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[2]:
        return None
    name, quoted = _unquote(match[2])
    return Heredoc(name=name, expand=not quoted, chomp=bool(match[1])) if name else None


def raw_words(line: str) -> list[str]:
    """*line* split at white space outside quotes; quotes and escapes stay. Empty where a quote is never closed.

    The escape is a backslash here, whatever the directive says: a shell will read this, not we.
    """
    try:
        tokens = [*_tokens(line), " "]
    except DockerfileError:
        return []
    words: list[str] = []
    parts: list[str] = []
    for token, following in pairwise([*tokens, ""]):
        if not token.isspace() or (parts and _NAME.match(following) and _OPENED.fullmatch("".join(parts))):
            parts.append(token)
        elif parts:
            words.append("".join(parts))
            parts = []
    return words


def _tokens(text: str) -> Iterator[str]:
    """Runs of plain characters, quoted runs with their quotes, escaped pairs, and runs of white space."""
    for match in re.finditer(r"\s+|\\.?|'[^']*('?)|\"(?:[^\"\\]|\\.)*(\"?)|[^\s\\'\"]+", text, re.DOTALL):
        token = match[0]
        if token[0] in "'\"" and not (match[1] or match[2]):
            quote = "single" if token[0] == "'" else "double"
            raise DockerfileError(f"unexpected end of statement while looking for matching {quote}-quote")
        yield token


def _unquote(text: str) -> tuple[str, bool]:
    """*text* without quotes and escapes, and whether it had quotes; nothing where it is not one word."""
    name, quoted = "", False
    for token in _tokens(text.strip()):
        if token[0] in "'\"":
            quoted = True
            name += token[1:-1] if token[0] == "'" else re.sub(r'\\(["$\\])', r"\1", token[1:-1])
        elif token.isspace():
            return "", False
        else:
            name += token.removeprefix("\\") if len(token) == 2 else token
    return name, quoted
