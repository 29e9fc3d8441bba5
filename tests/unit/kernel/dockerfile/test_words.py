"""Quotes, escapes and variables: the table is that of the reference and of what BuildKit's own tests show."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.words import MAX_DEPTH, MAX_GROWTH, expand, expand_heredoc, expand_words

ENV = {"FOO": "xxyy", "EMPTY": "", "PWD": "/home", "KOREAN": "한국어", "A_1": "one", "PATHS": "/tmp/tmp/bar.txt"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hello", "hello"),
        ("he'll'o", "hello"),
        ('he"ll"o', "hello"),
        ("he'l\\l'o", "hel\\lo"),
        ('he"l\\lo"', "hel\\lo"),
        ('"a\\"b\\$c\\\\d"', 'a"b$c\\d'),
        ("a\\nb", "anb"),
        ("a\\", "a"),
        ("'$FOO'", "$FOO"),
        ("\\$FOO", "$FOO"),
        ('"$FOO"', "xxyy"),
        ("$FOO", "xxyy"),
        ("a${FOO}b", "axxyyb"),
        ("$FOO.$PWD", "xxyy./home"),
        ("$A_1-", "one-"),
        ("$KOREAN", "한국어"),
        ("$NOT_SET", ""),
        ("a$", "a$"),
        ("$ a", "$ a"),
        ("$.", "$."),
        ("$1x", "x"),
        ("$@$*$#", ""),
        ("${FOO:-w}", "xxyy"),
        ("${EMPTY:-w}", "w"),
        ("${NOT:-w}", "w"),
        ("${EMPTY-w}", ""),
        ("${NOT-w}", "w"),
        ("${FOO:+w}", "w"),
        ("${EMPTY:+w}", ""),
        ("${EMPTY+w}", "w"),
        ("${NOT+w}", ""),
        ("${FOO:?w}", "xxyy"),
        ("${EMPTY?w}", ""),
        ("${NOT:-}", ""),
        ("${NOT:-a b}", "a b"),
        ("${NOT:-'}'}", "}"),
        ("${NOT:-\\}}", "}"),
        ("${NOT:-${EMPTY:-${FOO}}}", "xxyy"),
        ("${NOT:-$FOO-\"${PWD}\"}", "xxyy-/home"),
        ("${FOO:+${NOT-z}}", "z"),
        ("${FOO#x}", "xyy"),
        ("${FOO#*}", "xxyy"),
        ("${FOO##*}", ""),
        ("${FOO##*x}", "yy"),
        ("${FOO#*x*y}", "y"),
        ("${FOO#?}", "xyy"),
        ("${FOO#z}", "xxyy"),
        ("${FOO%y}", "xxy"),
        ("${FOO%y*}", "xxy"),
        ("${FOO%%y*}", "xx"),
        ("${FOO%}", "xxyy"),
        ("${FOO##}", "xxyy"),
        ("${FOO#$A}", "xxyy"),
        ("${FOO/x/z}", "zxyy"),
        ("${FOO//x/z}", "zzyy"),
        ("${FOO//[/z}", "xxyy"),
        ("${FOO//?/z}", "zzzz"),
        ("${FOO/x*/z}", "z"),
        ("${FOO/$EMPTY/ww}", "wwxxyy"),
        ("${FOO///}", "xxyy"),
        ("${FOO//$EMPTY/-}", "-x-x-y-y-"),
        ("${FOO//*/-}", "-"),
        ("${PATHS/\\/tmp/}", "/tmp/bar.txt"),
        ("${PATHS//\\/tmp/}", "/bar.txt"),
        ("${PATHS//\\//\\/}", "\\/tmp\\/tmp\\/bar.txt"),
        ("${NOT//x/y}", ""),
    ],
)  # fmt: skip
def test_expansion(word: str, expected: str) -> None:
    assert expand(word, ENV) == expected


def test_patterns_from_variables_and_escaped_ones() -> None:
    env = {"FOO": "()[]{}^$.*?|\\x", "GLOB": "/foo*/*/*.txt", "NEEDLE": "\\*/", "STARS": "a***yy*", "Q": "???y"}
    assert expand("${FOO#()[]{\\}^$.\\*\\?|\\\\}", env) == "x"
    assert expand("${GLOB/$NEEDLE/.} - ${GLOB//$NEEDLE/.}", env) == "/foo.*/*.txt - /foo..*.txt"
    assert expand("${STARS%%\\**\\*}", env) == "a"
    assert expand("${Q#?\\?}", env) == "?y"
    assert expand("${A//x/$B}", {"A": "axa", "B": "$1\\2"}) == "a$1\\2a"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("${", "syntax error: missing '}'"),
        ("${FOO", "syntax error: missing '}'"),
        ("${FOO:-x", "syntax error: missing '}'"),
        ("${FOO/x", "syntax error: missing '/'"),
        ("${FOO//x/y", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${{FOO}", "syntax error: bad substitution"),
        ("${:}", "syntax error: bad substitution"),
        ("${FOO=x}", "unsupported modifier (=) in substitution"),
        ("${FOO:x}", "unsupported modifier (:x) in substitution"),
        ("${FOO:#x}", "unsupported modifier (:#) in substitution"),
        ("${FOO^^}", "unsupported modifier (^) in substitution"),
        ("${NOT:?}", "NOT: is not allowed to be unset"),
        ("${NOT?}", "NOT: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("${NOT:?say $FOO}", "NOT: say xxyy"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
        ('${NOT:-"}', "unexpected end of statement while looking for matching double-quote"),
        ("${FOO#\\x}", "invalid pattern (\\x) in substitution: invalid escape '\\x'"),
    ],
)
def test_errors_name_the_word_and_the_reason(word: str, reason: str) -> None:
    expected = f'failed to process "{word}": {reason}'
    if reason.startswith("unexpected") and word.startswith("${"):
        expected = f"failed to process \"{word}\": syntax error: missing '}}'"
    with pytest.raises(DockerfileError) as raised:
        expand(word, ENV)
    assert raised.value.reason == expected


def test_the_backtick_as_escape() -> None:
    assert expand("`$FOO \\$FOO `` '`'", ENV, escape="`") == "$FOO \\xxyy ` `"
    assert expand('"a`"b\\"', ENV, escape="`") == 'a"b\\'


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a b", ["a", "b"]),
        ("  a\t b ", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ('a\\ b "c d"e', ["a b", "c de"]),
        ("$TWO", ["80", "443"]),
        ("x$TWO", ["x80", "443"]),
        ('"$TWO"', ["80 443"]),
        ("$NOT ''", []),
        ("${NOT:-1 2}", ["1", "2"]),
    ],
)
def test_splitting_after_expansion(word: str, expected: list[str]) -> None:
    assert expand_words(word, {"TWO": "80 443"}) == expected


def test_in_a_heredoc_quotes_mean_nothing() -> None:
    assert expand_heredoc("it's \"$FOO\" ${NOT:-'}\n\\$FOO a\\nb\n", ENV) == "it's \"xxyy\" '\n$FOO anb\n"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


@given(st.text())
def test_a_quoted_word_comes_back(text: str) -> None:
    assert expand(quoted(text), ENV) == text
    assert expand('"' + re.sub(r'(["$\\])', r"\\\1", text) + '"', ENV) == text
    assert expand(re.sub(r"(?s)(.)", r"\\\1", text), ENV) == text


@given(st.text(), st.text(alphabet="ab`$\"' \\"))
def test_a_value_is_not_expanded_again(value: str, around: str) -> None:
    value = value[: MAX_GROWTH // 2]
    assert expand(quoted(around) + "$V" + quoted(around), {"V": value}) == around + value + around


def test_nesting_is_bounded() -> None:
    assert expand("${A:-" * MAX_DEPTH + "x" + "}" * MAX_DEPTH, {}) == "x"
    with pytest.raises(DockerfileError, match="nested more than 50 deep"):
        expand("${A:-" * 100_000 + "x" + "}" * 100_000, {})


def test_what_variables_may_add_is_bounded() -> None:
    assert len(expand("$A" * 128, {"A": "x" * 1024})) == MAX_GROWTH
    for word in ("$A" * 129, "${A//x/$A}", "${A//$E/$A}"):
        with pytest.raises(DockerfileError, match="more than 131"):
            expand(word, {"A": "x" * 1024, "E": ""})
