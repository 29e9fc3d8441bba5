"""Trees that COPY takes from: what a source names, and what of it is copied."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.archive.stage import opened
from ck.kernel.dockerfile import PatternMatcher
from ck.kernel.engine.build.place import locate
from ck.kernel.engine.build.tree import Tree
from ck.kernel.errors import InvalidArgument, NotFound

FILES = ("f", "d/a.txt", "d/b.md", "d/sub/c.txt", "other/d.txt")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "link").symlink_to("/d/sub")
    (tmp_path / "out").symlink_to("../../../../etc/passwd")
    (tmp_path / "loop").symlink_to("loop")
    with opened(tmp_path) as fd:
        yield fd


def copied(root: int, source: str, *, ignored: str = "", excluded: str = "", parents: bool = False) -> list[str]:
    tree = Tree(root, PatternMatcher(ignored.split()))
    return [
        os.fsdecode(node.path)
        for found in tree.find(source)
        for node in tree.nodes(found, PatternMatcher(excluded.split()), parents=parents)
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("f", ["f"]),
        ("/f", ["f"]),
        ("../../f", ["f"]),
        ("d", ["a.txt", "b.md", "sub", "sub/c.txt"]),
        ("d/", ["a.txt", "b.md", "sub", "sub/c.txt"]),
        ("d/*.txt", ["a.txt"]),
        ("*/*.txt", ["a.txt", "c.txt", "d.txt"]),
        ("link", ["c.txt"]),
        ("link/c.txt", ["c.txt"]),
        ("[f]", ["f"]),
    ],
)
def test_what_a_source_names(root: int, source: str, names: list[str]) -> None:
    assert copied(root, source) == names


def test_whole_paths_and_exceptions(root: int) -> None:
    assert copied(root, "d/sub", parents=True) == ["d", "d/sub", "d/sub/c.txt"]
    assert copied(root, "d/a.txt", parents=True) == ["d", "d/a.txt"]
    assert copied(root, "d/./sub/c.txt", parents=True) == ["sub", "sub/c.txt"]
    assert copied(root, "d/./sub", parents=True) == ["sub", "sub/c.txt"]
    assert copied(root, "d/./a.txt", parents=True) == ["a.txt"]
    assert copied(root, "./d/a.txt", parents=True) == ["d", "d/a.txt"]
    assert copied(root, "*/./*.txt", parents=True) == ["a.txt", "c.txt", "d.txt"]
    assert copied(root, "*/./sub/*", parents=True) == ["sub", "sub/c.txt"]
    assert copied(root, "d/./sub/c.txt") == ["c.txt"]
    assert copied(root, "d", excluded="*.md sub") == ["a.txt"]
    assert copied(root, "d", excluded="sub !sub/c.txt") == ["a.txt", "b.md", "sub", "sub/c.txt"]
    assert copied(root, ".", ignored="d link out loop !d/b.md") == ["d", "d/b.md", "f", "other", "other/d.txt"]


@pytest.mark.parametrize("source", ["none", "d/none", "f/below", "loop", "out", "none*", "d/*.none"])
def test_what_is_not_there(root: int, source: str) -> None:
    with pytest.raises(NotFound, match="not found"):
        copied(root, source)


def test_what_is_ignored_is_not_there(root: int) -> None:
    with pytest.raises(NotFound):
        copied(root, "d/a.txt", ignored="*/*.txt")


@given(st.text(alphabet="df/.*?[a]lokup", max_size=12))
def test_no_source_leads_out(tmp_path_factory: pytest.TempPathFactory, source: str) -> None:
    top = tmp_path_factory.getbasetemp() / "tree"
    (top / "inner/d").mkdir(parents=True, exist_ok=True)
    (top / "inner/d/f").touch()
    (top / "outside").touch()
    with opened(top / "inner") as root:
        try:
            names = copied(root, source)
        except (NotFound, InvalidArgument):
            return
        assert "outside" not in names


def test_places(root: int) -> None:
    def place(path: str) -> tuple[str, int, bool]:
        found = locate(root, path)
        return os.fsdecode(found.path), found.known, found.directory

    assert place("/d/sub") == ("d/sub", 2, True)
    assert place("/link/new/deep") == ("d/sub/new/deep", 2, False)
    assert place("/d/a.txt") == ("d/a.txt", 1, False)
    assert place("/") == ("", 0, True)
    assert locate(root, "/d/x/y").missing(b"d/x/y") == [b"d/x", b"d/x/y"]
    with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /f"):
        locate(root, "/f/x")
