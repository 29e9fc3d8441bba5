"""Go's own table for filepath.Match, and a naive matcher."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.filepath_match import PathPattern, has_wildcard


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False),
        ("[a-ζ]*", "α", True),
        ("*[a-ζ]", "A", False),
        ("a?b", "a/b", False),
        ("a*b", "a/b", False),
        ("[\\]a]", "]", True),
        ("[\\-]", "-", True),
        ("[x\\-]", "-", True),
        ("[x\\-]", "z", False),
        ("[\\-x]", "x", True),
        ("*x", "xxx", True),
        ("", "", True),
        ("**", "a/b", False),
    ],
)
def test_the_table_of_go(pattern: str, path: str, expected: bool) -> None:
    assert PathPattern(pattern).matches(path) is expected


@pytest.mark.parametrize(
    "pattern", ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "[a\\", "[]"]
)
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(DockerfileError, match="syntax error in pattern"):
        PathPattern(pattern)


def test_a_pattern_longer_than_any_path() -> None:
    with pytest.raises(DockerfileError, match="longer than 4096"):
        PathPattern("a" * 4097)


def test_wildcards_are_found() -> None:
    assert [has_wildcard(source) for source in ("a*", "a?", "[a]", "a", "a\\b")] == [True, True, True, False, False]


def naive(pattern: str, path: str) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "*":
        return naive(pattern[1:], path) or (bool(path) and path[0] != "/" and naive(pattern, path[1:]))
    fits = path[:1] not in ("", "/") if pattern[0] == "?" else path[:1] == pattern[0]
    return fits and naive(pattern[1:], path[1:])


@given(st.text(alphabet="ab/*?", max_size=8), st.text(alphabet="ab/", max_size=8))
def test_against_the_naive_rules(pattern: str, path: str) -> None:
    assert PathPattern(pattern).matches(path) is naive(pattern, path)


@pytest.mark.timeout(10)
def test_hostile_patterns_take_no_time() -> None:
    assert not PathPattern("*a" * 2000 + "b").matches("a" * 4000)
    assert not PathPattern("[a-z]" * 800 + "b").matches("a" * 4000)
