"""Names of users and groups in a container's own files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ck.kernel.archive.stage import opened
from ck.kernel.engine.passwd import owner_in
from ck.kernel.errors import InvalidArgument


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nbroken\nwww:x:33:34::/:\nodd:x:a:b::/:\n")
    (tmp_path / "etc/group").write_text("staff:x:50:\n")
    with opened(tmp_path) as fd:
        yield fd


@pytest.mark.parametrize(
    ("owner", "ids"),
    [
        ("", (0, 0)),
        ("root", (0, 0)),
        ("www", (33, 34)),
        ("www:7", (33, 7)),
        ("www:staff", (33, 50)),
        (":staff", (0, 50)),
        ("1000", (1000, 1000)),
        ("1000:50", (1000, 50)),
    ],
)
def test_owners(root: int, owner: str, ids: tuple[int, int]) -> None:
    assert owner_in(root, owner) == ids


@pytest.mark.parametrize("owner", ["nobody", "odd", "broken", "www:none", ":none"])
def test_who_is_not_there(root: int, owner: str) -> None:
    with pytest.raises(InvalidArgument, match=r"unable to find (user|group) \w+: no matching entry"):
        owner_in(root, owner)


def test_no_files_and_no_ordinary_ones(tmp_path: Path) -> None:
    with opened(tmp_path) as fd:
        assert owner_in(fd, "5") == (5, 5)
        with pytest.raises(InvalidArgument):
            owner_in(fd, "www")
        (tmp_path / "etc").mkdir()
        os.mkfifo(tmp_path / "etc/passwd")  # nobody writes to it, and nobody waits for that
        with pytest.raises(InvalidArgument):
            owner_in(fd, "www")
        (tmp_path / "etc/group").symlink_to("/etc/group")  # of the container, and so a circle
        with pytest.raises(InvalidArgument):
            owner_in(fd, ":root")
