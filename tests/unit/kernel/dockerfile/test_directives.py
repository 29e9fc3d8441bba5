"""Parser directives, and where they cease to be some."""

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.lexer import lex


@pytest.mark.parametrize(
    ("head", "syntax", "escape", "check"),
    [
        ("# syntax=docker/dockerfile:1\n# escape=`\n# check=error=true\n", "docker/dockerfile:1", "`", "error=true"),
        ("  # SynTax  =  a b  \n", "a b", "\\", None),
        ("#escape=\\\n", None, "\\", None),
        ("# a comment\n# escape=`\n", None, "\\", None),  # after a comment it is one too
        ("\n# escape=`\n", None, "\\", None),
        ("# unknown=x\n# escape=`\n", None, "\\", None),
        ("#!/usr/bin/env x\n# escape=`\n", None, "\\", None),
        ("# escape=\n", None, "\\", None),
    ],
)  # fmt: skip
def test_directives(head: str, syntax: str | None, escape: str, check: str | None) -> None:
    found = lex(f"{head}FROM a").directives
    assert (found.syntax, found.escape, found.check) == (syntax, escape, check)


@pytest.mark.parametrize(
    ("head", "line", "reason"),
    [
        ("# syntax=a\n# SYNTAX=b\n", 2, "only one syntax parser directive can be used"),
        ("# escape=x\n", 1, "invalid escape token 'x' does not match ` or \\"),
    ],
)
def test_bad_directives(head: str, line: int, reason: str) -> None:
    with pytest.raises(DockerfileError) as raised:
        lex(f"{head}FROM a")
    assert (raised.value.line, raised.value.reason) == (line, reason)
    assert str(raised.value) == f"dockerfile parse error on line {line}: {reason}"
