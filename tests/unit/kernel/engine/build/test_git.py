"""What URLs of git repositories say."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.build.git import GitSource, git_source, is_git
from ck.kernel.errors import InvalidArgument

URL = "https://h/r.git"
COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("text", "git"),
    [
        (URL, True),
        (f"{URL}#v1:dir", True),
        (f"{URL}?ref=dev", True),
        ("http://h/a/r.git?subdir=x#main", True),
        ("git://h/r", True),
        ("ssh://git@h/r", True),
        ("git@h:r", True),
        ("https://h/r.git/f", False),
        ("https://h/r?x=y.git", False),
        ("https://h/r#y.git", False),
        ("file:///r.git", False),
        ("r.git", False),
    ],
)
def test_what_is_a_repository(text: str, git: bool) -> None:
    assert is_git(text) is git


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        ("", GitSource(url=URL)),
        ("#", GitSource(url=URL)),
        ("#v1", GitSource(url=URL, ref="v1")),
        ("#v1:a/b", GitSource(url=URL, ref="v1", directory="a/b")),
        ("#:/a/", GitSource(url=URL, directory="a")),
        ("?", GitSource(url=URL)),
        ("?ref=feature%2Fx", GitSource(url=URL, ref="feature/x")),
        ("?branch=dev&subdir=/a/b", GitSource(url=URL, ref="refs/heads/dev", directory="a/b")),
        ("?tag=v1", GitSource(url=URL, ref="refs/tags/v1")),
        (f"?commit={COMMIT.upper()}", GitSource(url=URL, ref=COMMIT, commit=COMMIT)),
        ("?tag=v1&checksum=0123", GitSource(url=URL, ref="refs/tags/v1", commit="0123")),
        ("?ref=v1&commit=0123#v1:a", GitSource(url=URL, ref="v1", commit="0123", directory="a")),
    ],
)
def test_what_of_a_repository_is_meant(asked: str, source: GitSource) -> None:
    assert git_source(URL + asked) == source


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("?revision=1", "a git repository is not asked for 'revision', only for ref, tag, branch, commit,"),
        ("?ref=", "'ref' has no value"),
        ("?ref", "'ref' has no value"),
        ("?ref=a&ref=b", "'ref' is both 'a' and 'b'"),
        ("?ref=a#b", "'ref' is both 'b' and 'a'"),
        ("?tag=a&branch=a", "'ref' is both 'refs/tags/a' and 'refs/heads/a'"),
        ("?subdir=a#:b", "'subdir' is both 'b' and 'a'"),
        ("?commit=1&checksum=2", "'commit' is both '1' and '2'"),
    ],
)
def test_what_contradicts_itself(asked: str, told: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(f"{URL}{asked}: {told}")):
        git_source(URL + asked)


@given(st.text(alphabet="rftagcomi=&?#:/%2F", max_size=30))
def test_any_query_is_understood_or_refused(asked: str) -> None:
    try:
        source = git_source(f"{URL}?{asked}")
    except InvalidArgument:
        return
    assert source.url == URL
