"""Lines, comments, continuations, directives and heredocs, as the reference and BuildKit's parser have them."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.heredoc import Heredoc, find_heredocs, parse_heredoc
from ck.kernel.dockerfile.lexer import Statement, lex


def statements(text: bytes | str) -> tuple[Statement, ...]:
    return lex(text).statements


def originals(text: bytes | str) -> list[str]:
    return [statement.original for statement in statements(text)]


def test_a_statement_knows_its_lines_and_its_parts() -> None:
    (first, second) = statements("\n# x\nFROM --platform=linux/arm64 a\nRUN b \\\n\n # c\n  && d\n")
    assert (first.keyword, first.flags, first.rest) == ("FROM", ("--platform=linux/arm64",), "a")
    assert (first.line, first.last_line) == (3, 3)
    assert (second.line, second.last_line) == (4, 7)
    assert second.rest == "b   && d"  # white space at the start of a continuation is kept


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("RUN a \\\nb", "RUN a b"),
        ("RUN a \\  \t\nb", "RUN a b"),
        ("RUN a\\\n# c\nd", "RUN ad"),
        ("RUN a\\\n\n\nd", "RUN ad"),
        ("RUN a \\\\\n", "RUN a \\\\"),
        ("  RUN a  ", "RUN a"),
        ("RUN a \\", "RUN a"),
        ("\\\nRUN a", "RUN a"),
        ("RUN a # b", "RUN a # b"),
        ("RUN a \\\r\n  b\r\n", "RUN a   b"),
        ("# escape=`\nRUN dir c:\\ `\n  /b", "RUN dir c:\\   /b"),
        ("# escape=`\nCOPY a c:\\\n", "COPY a c:\\"),
    ],
)
def test_lines_are_joined(text: str, joined: str) -> None:
    assert originals(text) == [joined]


def test_an_empty_continuation_line_is_warned_of() -> None:
    lexed = lex("FROM a\nRUN b \\\n\n c\n")
    assert [(warning.line, warning.text) for warning in lexed.warnings] == [(3, "empty continuation line")]


def test_a_byte_order_mark_is_dropped_and_bytes_that_are_no_text_survive() -> None:
    (statement,) = statements(b"\xef\xbb\xbfRUN \xff")
    assert statement.original.encode("utf-8", "surrogateescape") == b"RUN \xff"


def test_a_form_feed_ends_no_line() -> None:
    assert originals("RUN a\x0cb\x85c\u2028d") == ["RUN a\x0cb\x85c\u2028d"]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "\\\n"])
def test_a_file_without_instructions_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="file with no instructions"):
        lex(text)


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


def heredocs(text: str) -> tuple[Heredoc, ...]:
    (statement,) = statements(text)
    return statement.heredocs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RUN <<EMPTY\nEMPTY\n", [Heredoc(name="EMPTY")]),
        ("RUN 3<<E\nE\n", [Heredoc(name="E")]),
        ("RUN <<I\n\tfoo\n\tbar\nI\n", [Heredoc(name="I", content="\tfoo\n\tbar\n")]),
        ("RUN <<-U\n\tbaz\n\tU\n", [Heredoc(name="U", content="\tbaz\n", chomp=True)]),
        ("RUN <<-'N'\n\tdon't $N\nN\n", [Heredoc(name="N", content="\tdon't $N\n", chomp=True, expand=False)]),
        ('RUN <<"N"\n$N\nN\n', [Heredoc(name="N", content="$N\n", expand=False)]),
        ("RUN <<C\n# kept\n\n\\\nC\n", [Heredoc(name="C", content="# kept\n\n\\\n")]),
        ("COPY <<A <<B /d\n1\nA\n2\nB", [Heredoc(name="A", content="1\n"), Heredoc(name="B", content="2\n")]),
        ("COPY <<X <<Y /d\nY\nX\nX\nY\n", [Heredoc(name="X", content="Y\n"), Heredoc(name="Y", content="X\n")]),
        ("RUN <<C python3\nprint(1)\nC\n", [Heredoc(name="C", content="print(1)\n")]),
        ("ADD <<file.txt /d\nx\nfile.txt\n", [Heredoc(name="file.txt", content="x\n")]),
        ("RUN <<eo'f'\neof\n", [Heredoc(name="eof", expand=False)]),
        ("RUN <<eo\\'f\neo'f\n", [Heredoc(name="eo'f")]),
        ("RUN <<'e'o\\'f\neo'f\n", [Heredoc(name="eo'f", expand=False)]),
        ("RUN <<'one two'\none two\n", [Heredoc(name="one two", expand=False)]),
        ("RUN <<$EOF\n$EOF\n", [Heredoc(name="$EOF")]),
        ("RUN <<  EOF\nEOF\n", [Heredoc(name="EOF")]),
        ("RUN cat <<- EOF > foo\nEOF\n", [Heredoc(name="EOF", chomp=True)]),
        ("ONBUILD RUN <<E\nx\nE\n", [Heredoc(name="E", content="x\n")]),
        ("RUN <<E\r\na\r\nE\r\n", [Heredoc(name="E", content="a\r\n")]),
        ("RUN --mount=type=cache,target=/c <<M\nx\nM\n", [Heredoc(name="M", content="x\n")]),
        ('RUN "<<NO"', []),
        ("RUN '<<NO'", []),
        ("RUN cat<<NO", []),
        ("RUN cat <<<word", []),
        ("RUN echo $((1 << 4)) $((1<<4))", []),
        ("RUN echo $(( 1 << 4 ))", []),
        ('RUN ["<<NO"]', []),
        ("USER <<NO", []),
        ("RUN echo it's <<NO", []),  # no word at all where a quote is never closed
    ],
)
def test_heredocs(text: str, expected: list[Heredoc]) -> None:
    assert list(heredocs(text)) == expected


@pytest.mark.parametrize("text", ["RUN <<EOF\nx\n", "RUN <<EOF\n EOF\n", "RUN <<-EOF\n  EOF\n", "COPY <<A <<B /\nA\n"])
def test_an_unterminated_heredoc_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="on line 2: unterminated heredoc"):
        lex(f"FROM a\n{text}")


def test_lines_go_on_after_a_heredoc() -> None:
    assert [(found.keyword, found.line, found.last_line) for found in statements("FROM a\nRUN <<E\n1\nE\nUSER b")] == [
        ("FROM", 1, 1),
        ("RUN", 2, 4),
        ("USER", 5, 5),
    ]


@pytest.mark.parametrize("word", ["", "EOF", "<<", "<<-", "<EOF", "<<<EOF", "<<EOF sh", "<<''"])
def test_what_is_no_heredoc(word: str) -> None:
    assert parse_heredoc(word) is None


@pytest.mark.parametrize("word", ["<<'EOF", '<<"EOF', "<<EOF'", '<<EOF"'])
def test_a_heredoc_with_an_open_quote(word: str) -> None:
    with pytest.raises(DockerfileError, match=r"matching (single|double)-quote"):
        parse_heredoc(word)


def test_chomping_takes_leading_tabs_of_every_line() -> None:
    assert Heredoc(name="E", chomp=True, content="\thello\n\t\tworld\n \tx\n").text == "hello\nworld\n \tx\n"
    assert Heredoc(name="E", content="\thello\n").text == "\thello\n"


def written(statement: Statement) -> str:
    return statement.original + "\n" + "".join(f"{found.content}{found.name}\n" for found in statement.heredocs)


plain_lines = st.lists(
    st.sampled_from(
        ["RUN a", "COPY b /c", " \\", "# x", "", "  d \\", "ENV A=\\", "RUN <<E", "E", "\tE", "$x '", '"\\']
    ),
    min_size=1,
    max_size=12,
)


@given(plain_lines)
def test_what_was_joined_lexes_to_the_same(lines: list[str]) -> None:
    try:
        found = statements("\n".join(lines))
    except DockerfileError:
        return
    again = statements("".join(map(written, found)))
    assert [attrs.evolve(one, line=0, last_line=0) for one in again] == [
        attrs.evolve(one, line=0, last_line=0) for one in found
    ]


@given(st.text(alphabet="<'\"\\ E-", max_size=30))
def test_names_of_heredocs_hold_no_white_space_unless_quoted(line: str) -> None:
    try:
        found = find_heredocs(line)
    except DockerfileError:
        return
    assert all(heredoc.name for heredoc in found)
