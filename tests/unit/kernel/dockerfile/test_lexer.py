"""Lines, comments and continuations, as the reference and BuildKit's parser have them."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
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
