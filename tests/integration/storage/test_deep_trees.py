"""Trees deeper than a path may be long, or than there are fds: a container can make them, so the engine must cope."""

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ck.kernel.archive.compare import Difference, upper_changes
from ck.kernel.archive.copy import copy_tree
from ck.kernel.archive.pack import pack
from ck.kernel.archive.stage import opened
from ck.kernel.archive.walk import Cursor, empty_directory, tree_size, walk
from ck.kernel.errors import Conflict

pytestmark = pytest.mark.root

DEPTH = 3000


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """DEPTH directories, one in the other, a file at the bottom; with few fds to spare."""
    top = tmp_path / "deep"
    top.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with opened(top) as fd, Cursor(fd) as cursor:
        for _ in range(DEPTH):
            os.mkdir(b"d", dir_fd=cursor.fd)
            cursor.down(b"d")
        os.close(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=cursor.fd))
        os.truncate(f"/proc/self/fd/{cursor.fd}/bottom", 42)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        yield top
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with opened(tmp_path) as fd:
            empty_directory(fd)


def test_deep_trees_are_measured_packed_copied_and_compared(deep: Path) -> None:
    empty, copy = deep.parent / "empty", deep.parent / "copy"
    empty.mkdir()
    copy.mkdir()
    with opened(deep) as fd, opened(empty) as nothing, opened(copy) as target:
        assert tree_size(fd) == 42
        assert sum(len(chunk) for chunk in pack(fd)) > DEPTH * 512
        copy_tree(fd, target)
        assert tree_size(target) == 42
        changes = list(upper_changes(fd, (nothing,)))
    assert len(changes) == DEPTH + 1
    assert {change.difference for change in changes} == {Difference.ADDED}


def test_a_directory_that_is_moved_away_ends_the_walk(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    with opened(tmp_path) as fd, pytest.raises(Conflict, match="moved"):
        for visit in walk(fd):
            if visit.path == b"a/b/c" and not visit.leaving:
                (tmp_path / "a" / "b").rename(tmp_path / "elsewhere" / "b")


def test_what_disappears_meanwhile_is_left_out(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    seen = []
    with opened(tmp_path) as fd:
        for visit in walk(fd):
            seen.append(visit.name)
            (tmp_path / "b").unlink(missing_ok=True)
            assert stat.S_ISREG(visit.status.st_mode)
    assert seen == [b"a", b"c"]
