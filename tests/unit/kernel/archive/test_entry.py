"""Names of entries: cleaned by their letters alone, and never above the root."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.archive.entry import clean, shown
from ck.kernel.errors import CorruptData


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a/b", b"a/b"),
        (b"./a/b/", b"a/b"),
        (b"/a//b", b"a/b"),
        (b"a/./b/../c", b"a/c"),
        (b"./", b""),
        (b"", b""),
        (b"/", b""),
        (b"a/..", b""),
        (b".hidden/..x", b".hidden/..x"),
    ],
)
def test_names_are_cleaned(name: bytes, expected: bytes) -> None:
    assert clean(name) == expected


@pytest.mark.parametrize("name", [b"..", b"../a", b"a/../../b", b"./..", b"/..", b"a\0b"])
def test_names_that_lead_out_are_refused(name: bytes) -> None:
    with pytest.raises(CorruptData):
        clean(name)


@given(st.lists(st.sampled_from([b"a", b"..", b".", b"", b"b.c"]), max_size=8).map(b"/".join))
def test_agrees_with_posixpath_or_refuses(name: bytes) -> None:
    relative = posixpath.normpath(b"./" + name.lstrip(b"/"))
    if relative == b".." or relative.startswith(b"../"):
        with pytest.raises(CorruptData):
            clean(name)
    else:
        assert clean(name) == (b"" if relative == b"." else relative)


def test_a_long_name_is_cut_for_a_message() -> None:
    assert len(shown(b"x" * 5000)) < 250
    assert shown(b"a\xff\n") == "'a\\udcff\\n'"
