""".dockerignore: the tables of moby/patternmatcher's own tests, and a naive matcher that knows the rules one by one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.ignore import PatternMatcher, read_ignorefile


def test_reading() -> None:
    text = "\ufeff# comment\n\n *.md \n/a/../b//c/\n!/d/e\n! f\n  # not a comment\n/\n..\n!\nx\r\n"
    assert read_ignorefile(text) == ("*.md", "b/c", "!d/e", "!f", "# not a comment", "/", "..", "!", "x")
    assert read_ignorefile(b"\xef\xbb\xbfa\xff") == ("a\udcff",)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**", "file", True),
        ("**/", "file", True),
        ("**", "dir/file", True),
        ("**/**", "dir/file", True),
        ("dir/**", "dir/file", True),
        ("dir/**", "dir/dir2/file", True),
        ("**/dir", "dir", True),
        ("**/dir", "dir/file", True),
        ("**/dir2/*", "dir/dir2/file", True),
        ("**/dir2/**", "dir/dir2/dir3/file", True),
        ("**file", "file", True),
        ("**file", "dir/file", True),
        ("**file", "dir/xfile", True),
        ("**file*", "xfile", False),
        ("**/file", "dir/dir/file", True),
        ("**/file*txt", "dir/dir/file.txt", True),
        ("**/file*.txt*", "dir/dir/file.txt", True),
        ("**/**/*.txt", "dir/dir/file.txt", True),
        ("**/**/*.txt2", "dir/dir/file.txt", False),
        ("**/*.txt", "file.txt", True),
        ("a**/*.txt", "a/file.txt", True),
        ("a**/*.txt", "a/dir/dir/file.txt", True),
        ("a**b", "ab", True),
        ("a**b", "ax/b", True),
        ("a**b", "axb", False),
        ("a/*.txt", "a/dir/file.txt", False),
        ("a/*.txt", "a/file.txt", True),
        ("a/*.txt**", "a/file.txt", True),
        ("a[b-d]e", "ae", False),
        ("a[b-d]e", "ace", True),
        ("a[^b-d]e", "aze", True),
        ("a[**]e", "a*e", True),
        (".*", ".foo", True),
        (".*", "foo", False),
        ("abc.def", "abcZdef", False),
        ("abc?def", "abcZdef", True),
        ("**/foo/bar", "dir/dir2/foo/bar", True),
        ("abc/**", "abc", False),
        ("abc/**", "abc/def/ghi", True),
        ("**/.foo", ".foo", True),
        ("**/.foo", "bar.foo", False),
        ("a(b)c/def", "a(b)c/def", True),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
        ("a\\*b", "a*b", True),
        ("a\\**b", "a*xb", True),
        ("a*", "ab/c", True),
        ("foo", "foo/bar/baz", True),
        ("foo", "a/foo", False),
        ("foo/", "foo/x", True),
        ("*/temp*", "somedir/temporary.txt", True),
        ("*/temp*", "temporary.txt", False),
        ("*/*/temp*", "somedir/subdir/temporary.txt", True),
        ("temp?", "tempa", True),
        (".", "x", False),
        ("**", ".", False),
    ],
)
def test_one_pattern(pattern: str, path: str, expected: bool) -> None:
    assert PatternMatcher([pattern]).matches(path) is expected


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        ([], "a", False),
        (["!a.go", "*.go"], "a.go", True),
        (["*.go", "!a.go"], "a.go", False),
        (["docs", "!docs/README.md"], "docs/README.md", False),
        (["docs/", "!docs/README.md"], "docs/x", True),
        (["docs", "  !docs/README.md  "], "docs/README.md", False),
        (["**", "!util/docker/web"], "util/docker/web/foo", False),
        (["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", True),
        (["**", "!dist/*.whl"], "dist/a.whl", False),
        (["", "  "], "a", False),
        # The reference's examples.
        (["*.md", "!README.md"], "README.md", False),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "README-secret.md", "!README*.md"], "README-secret.md", False),
    ],
)
def test_the_last_pattern_that_matches_decides(patterns: list[str], path: str, expected: bool) -> None:
    assert PatternMatcher(patterns).matches(path) is expected


@pytest.mark.parametrize("pattern", ["!", "[", "a[]", "x\\"])
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(DockerfileError, match="pattern"):
        PatternMatcher([pattern])


@pytest.mark.parametrize(
    ("patterns", "directory", "expected"),
    [
        ([], "a", True),
        (["a"], "a", False),
        (["a"], "b", True),
        (["a/*"], "a", True),
        (["a", "!a/b/c"], "a", True),
        (["a", "!a/b/c"], "a/b", True),
        (["a", "!a/b/c"], "a/x", False),
        (["!a/b", "a"], "a", False),
        (["node_modules", "!**/*.md"], "node_modules", True),
        (["**", "!src"], "lib", False),
        (["**", "!src"], "src", True),
        (["**", "!src"], ".", True),
    ],
)
def test_whether_to_look_into_a_directory(patterns: list[str], directory: str, expected: bool) -> None:
    assert PatternMatcher(patterns).may_include_below(directory) is expected


def naive_regex(pattern: str) -> str:
    """moby/patternmatcher's own translation, for patterns of letters, slashes and stars."""
    if re.fullmatch(r"\*\*([^/*?][^*?]*)?", pattern):
        return ".*" + re.escape(pattern[2:])
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**", at):
            at += 2 + pattern.startswith("/", at + 2)
            out += "(.*/)?" if at < len(pattern) else ".*"
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at]))
            at += 1
    return out


def naive(patterns: list[str], path: str) -> bool:
    parts = path.split("/")
    parents = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for pattern in patterns:
        if any(re.fullmatch(naive_regex(pattern.removeprefix("!")), parent) for parent in parents):
            ignored = not pattern.startswith("!")
    return ignored


names = st.text(alphabet="ab", min_size=1, max_size=2)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
globs = st.lists(st.sampled_from(["a", "b", "*", "**", "/", "?", "ab"]), min_size=1, max_size=6).map("".join)
clean_globs = globs.map(lambda glob: re.sub("/+", "/", glob).strip("/")).filter(bool)
pattern_lists = st.lists(st.tuples(st.sampled_from(["", "!"]), clean_globs).map("".join), max_size=5)


@given(pattern_lists, paths)
def test_against_the_naive_rules(patterns: list[str], path: str) -> None:
    assert PatternMatcher(patterns).matches(path) is naive(patterns, path)


@given(pattern_lists, paths, paths)
def test_no_directory_is_skipped_that_holds_something(patterns: list[str], directory: str, below: str) -> None:
    matcher = PatternMatcher(patterns)
    if not matcher.matches(f"{directory}/{below}"):
        assert matcher.may_include_below(directory)


def test_many_patterns_are_one_list_still() -> None:
    many = [f"dir{number}/*.log" for number in range(500)]
    matcher = PatternMatcher([*many, "!dir7/keep.log", *many[8:]])
    assert matcher.matches("dir499/a.log")
    assert not matcher.matches("dir7/keep.log")
    assert not matcher.matches("dir500/a.log")
    assert matcher.may_include_below("dir7/x.log") is False


@pytest.mark.timeout(20)
def test_hostile_patterns_take_no_time() -> None:
    matcher = PatternMatcher(["**/a" * 500 + "/b", "*a" * 1000 + "b", "[^b]" * 500 + "[b]"])
    assert not matcher.matches("/".join("a" * 1500))
    assert not matcher.matches("a" * 4000)
