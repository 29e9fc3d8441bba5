"""From template text to tokens (Go text/template, "Text and spaces" and "Arguments")."""

from __future__ import annotations

import re
from typing import NamedTuple

from ck.cli.errors import CliError


class TemplateError(CliError):
    """The template is malformed, or does not fit the data."""


class Token(NamedTuple):
    """*kind* is "text", "open", "close" or that of what stands in an action."""

    kind: str
    value: str


ACTION = re.compile(r"\{\{(- )?(/\*.*?\*/( -)?\}\})?", re.DOTALL)
INSIDE = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<char>'(?:[^'\\]|\\.)+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+))
    |(?P<field>\.[A-Za-z_]\w*)
    |(?P<variable>\$\w*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<dot>\.)
    |(?P<mark>:=|=|\||\(|\)|,)
    """,
    re.VERBOSE,
)


def tokens(template: str) -> list[Token]:
    """Split *template*. Raises: TemplateError."""
    result: list[Token] = []
    at = 0
    trim = False
    while match := ACTION.search(template, at):
        text = template[at : match.start()]
        if trim:
            text = text.lstrip()
        if match[1]:
            text = text.rstrip()
        if text:
            result.append(Token("text", text))
        at, trim = match.end(), bool(match[3])
        if not match[2]:
            at, trim = _action(template, at, result)
    rest = template[at:].lstrip() if trim else template[at:]
    if rest:
        result.append(Token("text", rest))
    return result


def _action(template: str, at: int, result: list[Token]) -> tuple[int, bool]:
    """The tokens of one action; where it ends, and whether it trims what follows."""
    result.append(Token("open", ""))
    while True:
        for end, trims in (("}}", False), (" -}}", True)):
            if template.startswith(end, at):
                result.append(Token("close", ""))
                return at + len(end), trims
        match = INSIDE.match(template, at)
        if not match:
            where = template[at : at + 20]
            raise TemplateError(
                f"template: unexpected {where!r} in an action" if where else "template: unclosed action"
            )
        kind = match.lastgroup or ""
        # Spaces matter: ".A .B" are two arguments, ".A.B" is one.
        result.append(Token(kind, match.group()))
        at = match.end()
