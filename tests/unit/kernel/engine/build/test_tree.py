"""Trees that COPY takes from: what a source names, and what of it is copied."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
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
        for found in tree.find(source, parents=parents)
        for node in tree.nodes(found, PatternMatcher(excluded.split()))
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
    assert copied(root, "**/*.txt", parents=True) == ["d", "d/a.txt", "d/sub", "d/sub/c.txt", "other", "other/d.txt"]
    assert copied(root, "**/c.txt", parents=True) == ["d", "d/sub", "d/sub/c.txt"]
    assert copied(root, "d/./**/*.txt", parents=True) == ["a.txt", "sub", "sub/c.txt"]
    assert copied(root, "link/./**", parents=True) == copied(root, "link/./", parents=True) == ["c.txt"]
    assert copied(root, "l*", parents=True) == ["link", "loop"]
    assert copied(root, "**", parents=True) == copied(root, ".", parents=True) == copied(root, ".")
    assert copied(root, "**/*.txt", parents=True, excluded="d") == ["other", "other/d.txt"]
    assert copied(root, "**/*.txt", parents=True, ignored="d other !d/sub") == ["d", "d/sub", "d/sub/c.txt"]
    assert copied(root, "d/./sub/c.txt") == ["c.txt"]
    assert copied(root, "d", excluded="*.md sub") == ["a.txt"]
    assert copied(root, "d", excluded="sub !sub/c.txt") == ["a.txt", "b.md", "sub", "sub/c.txt"]
    assert copied(root, ".", ignored="d link out loop !d/b.md") == ["d", "d/b.md", "f", "other", "other/d.txt"]


@pytest.mark.parametrize("source", ["none", "d/none", "f/below", "loop", "out"])
def test_what_is_not_there(root: int, source: str) -> None:
    with pytest.raises(NotFound, match="not found"):
        copied(root, source)


@pytest.mark.parametrize("source", ["none", "d/./none", "none/./f", "f/./f", "link/c.txt", "d/a.txt/"])
def test_whole_paths_that_are_not_there(root: int, source: str) -> None:
    with pytest.raises(NotFound, match="not found"):
        copied(root, source, parents=True, ignored="d/a.txt")


@pytest.mark.parametrize("source", ["none*", "d/*.none", "none/*", "f/*", "**/none", "none*/./f", "d*/./none"])
def test_a_pattern_may_match_nothing(root: int, source: str) -> None:
    assert copied(root, source) == copied(root, source, parents=True) == []


NAMES = st.sampled_from(("a", "b", "ab"))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(
    st.lists(PATHS, max_size=8),
    st.lists(PATHS, max_size=2),
    st.lists(st.sampled_from(("a", "b", "*", "a*", "?", "[b]", "**")), min_size=1, max_size=4),
)
def test_whole_paths_match_at_any_depth(files: list[str], links: list[str], pattern: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        for paths, make in ((files, Path.touch), (links, lambda path: path.symlink_to("/a"))):
            for path in paths:
                with suppress(OSError):  # a file is where a directory would have to be, or the other way round
                    (top / path).parent.mkdir(parents=True, exist_ok=True)
                    make(top / path)
        every = [str(path.relative_to(top)) for path in top.rglob("*")]
        with opened(top) as root:
            try:
                found = copied(root, "/".join(pattern), parents=True)
            except NotFound:
                found = []
        meant = [path for path in every if any(matches(pattern, above.split("/")) for above in (path, *leading(path)))]
        assert sorted(found) == sorted({path for each in meant for path in (each, *leading(each))})


def leading(path: str) -> list[str]:
    """The directories above *path*."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def matches(pattern: list[str], parts: list[str]) -> bool:
    """Whether *pattern* is all of *parts*, tried part by part."""
    if not pattern:
        return not parts
    first, *rest = pattern
    if first == "**":
        # At the end it is anything that is there.
        return bool(parts) if not rest else any(matches(rest, parts[skipped:]) for skipped in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], first) and matches(rest, parts[1:])


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
