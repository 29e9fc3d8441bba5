"""Quotes, escapes and variables in a word, as BuildKit's shell lexer has them.

Source: reference.md, "Environment replacement".

`$VAR`, `${VAR}`, and with a word that may itself hold variables: `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`.
"""

import re
from collections.abc import Mapping
from typing import Final

from ck.kernel.dockerfile import shell_patterns
from ck.kernel.dockerfile.errors import DockerfileError

MAX_GROWTH: Final = 128 << 10
"""How many characters variables may add to a word: execve(2) takes no longer one. Else ENV A=$A$A would fill memory."""

MAX_DEPTH: Final = 50
"""Of ${A:-${B:-...}}."""

# Positional and special parameters are names too, of variables that nobody can set.
_NAME: Final = re.compile(r"[^\W\d]\w*|\d+|[@*#?$!-]")
_SHOWN: Final = 60


def expand(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    """*word* without its quotes and escapes, its variables replaced; one that is not set is empty.

    Raises: DockerfileError for an unclosed quote or brace, an unknown modifier, and `${VAR:?}` without VAR.
    """
    return "".join(text for text, _ in _expand(word, variables, escape, quotes=True))


def expand_words(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> list[str]:
    """As `expand`, then split at the white space that was neither quoted nor escaped. Raises: DockerfileError."""
    words, current = [], ""
    for text, kept in _expand(word, variables, escape, quotes=True):
        if kept:
            current += text
            continue
        first, *others = re.split(r"\s+", text)
        current += first
        for other in others:
            words.append(current)
            current = other
    return [found for found in (*words, current) if found]


def expand_heredoc(content: str, variables: Mapping[str, str]) -> str:
    """As `expand`, but quotes are nothing special and the escape is always a backslash. Raises: DockerfileError."""
    return "".join(text for text, _ in _expand(content, variables, "\\", quotes=False))


# A piece of the result, and whether it was quoted or escaped.
_Piece = tuple[str, bool]


def _expand(word: str, variables: Mapping[str, str], escape: str, *, quotes: bool) -> list[_Piece]:
    try:
        return _Expansion(word, variables, escape, quotes=quotes).until("")
    except DockerfileError as error:
        shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}..."
        raise DockerfileError(f'failed to process "{shown}": {error.reason}') from error


class _Expansion:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str, *, quotes: bool) -> None:
        self._text = text
        self._variables = variables
        self._escape = escape
        self._quotes = "'\"" if quotes else ""
        self._at = 0
        self._depth = 0
        self._growth = 0

    def until(self, stop: str, *, keep_escapes: bool = False) -> list[_Piece]:
        """The pieces up to *stop*, which is passed over, or to the end. Escapes of patterns are kept for these."""
        pieces: list[_Piece] = []
        plain = re.compile(f"[^{re.escape(stop + '$' + self._escape + self._quotes)}]+")
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == stop:
                self._at += 1
                return pieces
            if char == "$":
                pieces.append((self._variable(), False))
            elif char == self._escape:
                escaped = self._text[self._at + 1 : self._at + 2]
                self._at += 2
                pieces.append((char + escaped if keep_escapes else escaped, True))
            elif char in self._quotes:
                pieces.append((self._single() if char == "'" else self._double(keep_escapes=keep_escapes), True))
            else:
                run = plain.match(self._text, self._at)
                assert run is not None
                self._at = run.end()
                pieces.append((run[0], False))
        if stop:
            raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
        return pieces

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        text, self._at = self._text[self._at + 1 : end], end + 1
        return text

    def _double(self, *, keep_escapes: bool) -> str:
        pieces: list[str] = []
        plain = re.compile(rf'[^"${re.escape(self._escape)}]+')
        self._at += 1
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return "".join(pieces)
            if char == "$":
                pieces.append(self._variable())
            elif char == self._escape:
                escaped = self._text[self._at + 1 : self._at + 2]
                # Before anything else the escape is a character like others.
                special = escaped in ('"', "$", self._escape)
                pieces.append(char + escaped if keep_escapes or not special else escaped)
                self._at += 2
            else:
                run = plain.match(self._text, self._at)
                assert run is not None
                pieces.append(run[0])
                self._at = run.end()
        raise DockerfileError("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        """The value of what begins with the `$` at the present place."""
        self._at += 1
        braced = self._text.startswith("{", self._at)
        self._at += braced
        match = _NAME.match(self._text, self._at)
        name = match[0] if match else ""
        self._at += len(name)
        if not braced:
            return self._value(name) if name else "$"
        modifier = self._text[self._at : self._at + 1]
        self._at += 1
        if not modifier:
            raise DockerfileError("syntax error: missing '}'")
        if not name:
            raise DockerfileError("syntax error: bad substitution")
        if modifier == "}":
            return self._value(name)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DockerfileError(f"substitutions are nested more than {MAX_DEPTH} deep")
        value = self._replaced(name) if modifier == "/" else self._modified(name, modifier)
        self._depth -= 1
        return value

    def _modified(self, name: str, modifier: str) -> str:
        unless_empty = modifier == ":"
        if unless_empty:
            modifier = self._text[self._at : self._at + 1]
            self._at += 1
        if modifier not in (("-", "+", "?") if unless_empty else ("-", "+", "?", "#", "%")):
            colon = ":" if unless_empty else ""
            raise DockerfileError(f"unsupported modifier ({colon}{modifier}) in substitution")
        word = self._word("}", keep_escapes=modifier in "#%")
        found = name in self._variables and not (unless_empty and self._variables[name] == "")
        match modifier:
            case "-":
                return self._value(name) if found else word
            case "+":
                return word if found else ""
            case "?":
                if not found:
                    why = "empty" if name in self._variables else "unset"
                    raise DockerfileError(f"{name}: {word or f'is not allowed to be {why}'}")
                return self._value(name)
            case _:
                longest = word.startswith(modifier)
                trim = shell_patterns.trim_prefix if modifier == "#" else shell_patterns.trim_suffix
                return trim(word.removeprefix(modifier), self._value(name), longest=longest)

    def _replaced(self, name: str) -> str:
        every = self._text.startswith("/", self._at)
        self._at += every
        pattern = self._word("/", keep_escapes=True)
        replacement = self._word("}", keep_escapes=True)
        value = self._value(name)
        result = shell_patterns.replace(pattern, value, replacement, every=every, limit=MAX_GROWTH + len(self._text))
        return self._grown(result, len(result) - len(value))

    def _word(self, stop: str, *, keep_escapes: bool) -> str:
        try:
            return "".join(text for text, _ in self.until(stop, keep_escapes=keep_escapes))
        except DockerfileError as error:
            if self._at >= len(self._text) and error.reason.startswith("unexpected end"):
                raise DockerfileError(f"syntax error: missing '{stop}'") from error
            raise

    def _value(self, name: str) -> str:
        value = self._variables.get(name, "")
        return self._grown(value, len(value))

    def _grown(self, text: str, growth: int) -> str:
        self._growth += max(growth, 0)
        if self._growth > MAX_GROWTH:
            raise DockerfileError(f"its variables add more than {MAX_GROWTH} characters")
        return text
