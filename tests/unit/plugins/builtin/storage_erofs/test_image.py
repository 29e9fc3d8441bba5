"""What an archive becomes, read back: the tree of the archive, the archive itself, and nothing the kernel refuses."""

import errno
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import CorruptData, Unavailable
from ck.kernel.testing.trees import EPOCH, SECOND, Item, directory, hard_link, sparse, symlink, tar_of
from ck.plugins.builtin.storage_erofs._image import TAR_AT
from ck.plugins.builtin.storage_erofs._store import Stored, complete, receive
from tests.support.erofs_image import ErofsImage, Inode

UUID = bytes(range(16))


def image_of(content: bytes) -> tuple[ErofsImage, Stored]:
    with TemporaryDirectory(prefix="ck-image-") as path:
        place = Path(path) / "image"
        stored = complete(place, receive(io.BytesIO(content), place), uuid=UUID, below=tuple)
        assert stat.S_IMODE(place.stat().st_mode) == 0o400
        data = place.read_bytes()
    assert (stored.tar, stored.length) == (len(content), len(data))
    assert data[TAR_AT : TAR_AT + len(content)] == content, "the archive is kept byte for byte"
    return ErofsImage(data), stored


def tree_of(items: Sequence[Item]) -> dict[bytes, Inode]:
    return image_of(tar_of(items))[0].tree()


def test_every_kind_of_file() -> None:
    items = (
        directory("./", mode=0o751, uid=3, gid=4),
        directory("d/", mode=0o2770, gid=70000, mtime_ns=EPOCH + 5),
        Item(name="d/file", content=b"x" * 1000, mode=0o4755, uid=2**32 - 2, mtime_ns=-5 * SECOND),
        Item(name="d/empty"),
        hard_link("d/twin", "d/file"),
        symlink("link", "d/file"),
        Item(name="null", type=tarfile.CHRTYPE, device=(1, 3), mode=0o666),
        Item(name="disk", type=tarfile.BLKTYPE, device=(4095, 1048575)),
        Item(name="fifo", type=tarfile.FIFOTYPE, mode=0o600),
        Item(name="caps", xattrs={"security.capability": bytes.fromhex("0100000200200000000000000000000000000000")}),
    )
    found = tree_of(items)
    assert {path: inode.names for path, inode in found.items() if inode.names != 1} == {
        b"": 3,
        b"d": 2,
        b"d/file": 2,
        b"d/twin": 2,
    }
    assert (found[b""].mode, found[b""].uid, found[b""].gid) == (stat.S_IFDIR | 0o751, 3, 4)
    assert (found[b"d"].mode, found[b"d"].gid, found[b"d"].mtime_ns) == (stat.S_IFDIR | 0o2770, 70000, EPOCH + 5)
    file = found[b"d/file"]
    assert (file.mode, file.uid, file.mtime_ns, file.content) == (
        stat.S_IFREG | 0o4755,
        2**32 - 2,
        -5 * SECOND,
        b"x" * 1000,
    )
    assert found[b"d/twin"].number == file.number
    assert found[b"d/empty"].content == b""
    assert (found[b"link"].mode, found[b"link"].content) == (stat.S_IFLNK | 0o777, b"d/file")
    assert (found[b"null"].mode, found[b"null"].device) == (stat.S_IFCHR | 0o666, 0x103)
    assert (found[b"disk"].mode, found[b"disk"].device) == (stat.S_IFBLK | 0o644, 0xFFFF_FFFF)
    assert found[b"fifo"].mode == stat.S_IFIFO | 0o600
    assert found[b"caps"].xattrs == {os.fsencode(name): value for name, value in items[-1].xattrs.items()}


def test_what_overlayfs_would_take_for_its_own_is_left_out() -> None:
    xattrs = {"trusted.overlay.redirect": b"/etc", "user.overlay.opaque": b"y", "trusted.mine": b"1", "odd.x": b"2"}
    found = tree_of([directory("d/", xattrs=xattrs), Item(name="f", xattrs=xattrs)])
    assert found[b"d"].xattrs == found[b"f"].xattrs == {b"trusted.mine": b"1"}


def test_a_directory_in_the_place_of_something_else_hides_those_below() -> None:
    found = tree_of([Item(name="d"), directory("d/", xattrs={"user.x": b"1"})])
    assert found[b"d"].xattrs == {b"user.x": b"1", b"trusted.overlay.opaque": b"y"}


def test_nothing_is_an_image_of_an_empty_root() -> None:
    image, stored = image_of(tar_of([]))
    assert list(image.tree()) == [b""] and image.inodes == 1 and stored.size == 0
    assert image.uuid == UUID


@given(st.lists(st.tuples(st.integers(1, 4095), st.integers(1, 600)), max_size=40))
def test_links_of_any_length_beside_attributes_of_any_length(lengths: list[tuple[int, int]]) -> None:
    items = [
        Item(name=f"l{number}", type=tarfile.SYMTYPE, link="t" * link, xattrs={"trusted.x": b"v" * value})
        for number, (link, value) in enumerate(lengths)
    ]
    found = tree_of(items)
    for number, (link, value) in enumerate(lengths):
        inode = found[b"l%d" % number]
        assert (inode.content, inode.xattrs) == (b"t" * link, {b"trusted.x": b"v" * value})


@given(st.sets(st.integers(0, 10**30).map(str), max_size=400))
def test_directories_of_any_size(names: set[str]) -> None:
    found = tree_of([Item(name=f"d/{name}", content=name.encode()) for name in sorted(names, key=hash)])
    assert {path: inode.content for path, inode in found.items() if path.startswith(b"d/")} == {
        b"d/" + name.encode(): name.encode() for name in names
    }


segments = st.lists(st.tuples(st.integers(0, 50_000), st.binary(min_size=1, max_size=9000)), max_size=5)


@given(segments, st.integers(0, 30_000))
def test_sparse_files_have_their_content_and_their_holes(found: list[tuple[int, bytes]], tail: int) -> None:
    placed: dict[int, bytes] = {}
    end = 0
    for gap, content in found:
        placed[end + gap] = content
        end += gap + len(content)
    expected = bytearray(end + tail)
    for offset, content in placed.items():
        expected[offset : offset + len(content)] = content
    image, stored = image_of(tar_of([sparse("s", len(expected), placed), Item(name="after", content=b"after")]))
    tree = image.tree()
    assert tree[b"s"].content == expected and tree[b"after"].content == b"after"
    assert stored.size == len(expected) + 5


def test_a_huge_hole_costs_nothing() -> None:
    image, stored = image_of(tar_of([sparse("lastlog", 1 << 26, {(1 << 26) - 10: b"last login"})]))
    assert image.tree()[b"lastlog"].content[-10:] == b"last login"
    assert stored.length < 2 << 20


def test_a_sparse_file_beyond_all_file_systems_is_refused() -> None:
    with pytest.raises(CorruptData, match="larger than"):
        image_of(tar_of([sparse("s", 1 << 45, {0: b"x"})]))


def test_the_same_archive_gives_the_same_image() -> None:
    content = tar_of([Item(name=f"a/b{number}", content=b"x" * number) for number in range(50)])
    digests = {hashlib.sha256(image_of(content)[0].data).digest() for _ in range(2)}
    assert len(digests) == 1


def test_a_disk_that_refuses_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(Unavailable, match="cannot write the layer: No space left"):
        receive(io.BytesIO(tar_of([Item(name="x")])), tmp_path / "image")
