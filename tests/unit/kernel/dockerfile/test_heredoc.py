"""Heredocs: the cases of BuildKit's own tests, and what looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.heredoc import Heredoc, find_heredocs, parse_heredoc, raw_words
from ck.kernel.dockerfile.lexer import lex


def heredocs(text: str) -> tuple[Heredoc, ...]:
    (statement,) = lex(text).statements
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


@given(st.text(alphabet="<'\"\\ E-1", max_size=30))
def test_raw_words_lose_nothing_but_white_space(line: str) -> None:
    words = raw_words(line)
    assert not words or "".join("".join(words).split()) == "".join(line.split())
    assert find_heredocs(line) == [found for word in words if (found := parse_heredoc(word))]
