"""The checks every storage driver passes. Needs root; uses no test framework, so third parties run it as they like.

Call `trio.run(check_storage, make_driver, directory)` with an empty directory on the file system in question.
"""

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from ck.kernel.archive.copy import copy_tree
from ck.kernel.archive.stage import opened
from ck.kernel.archive.walk import walk
from ck.kernel.drivers.storage import Change, ChangeKind, Layer, StorageDriver
from ck.kernel.engine.rootview import in_root
from ck.kernel.errors import CkError, Conflict, CorruptData, NotFound
from ck.kernel.testing.trees import EPOCH, SECOND, Item, Seen, directory, hard_link, snapshot, sparse, symlink, tar_of

T = TypeVar("T")

# cap_net_raw=ep in the form of linux/capability.h, struct vfs_cap_data of revision 2.
CAPABILITY: Final = bytes.fromhex("0100000200200000000000000000000000000000")

_BASE: Final = (
    directory("./", mode=0o751, uid=3, gid=4),
    directory("etc/"),
    Item(name="etc/passwd", content=b"root:x:0:0::/:/bin/sh\n", mtime_ns=EPOCH + 123_456_789),
    Item(name="etc/shadow", content=b"secret", mode=0o640, gid=42),
    directory("usr/"),
    directory("usr/bin/", mtime_ns=EPOCH - 5 * SECOND),
    Item(name="usr/bin/sudo", content=b"#!", mode=0o4755),
    Item(name="usr/bin/ping", content=b"ping", mode=0o755, uid=7, xattrs={"security.capability": CAPABILITY}),
    hard_link("usr/bin/ping4", "usr/bin/ping"),
    symlink("bin", "usr/bin"),
    directory("tmp/", mode=0o1777),
    directory("dev/"),
    Item(name="dev/null", type=tarfile.CHRTYPE, mode=0o666, device=(1, 3)),
    Item(name="dev/fifo", type=tarfile.FIFOTYPE, mode=0o600, uid=1),
    directory("data/", mode=0o2770, gid=9),
    Item(name="data/one", content=b"1"),
    Item(name="data/two", content=b"2"),
    directory("data/sub/"),
    Item(name="data/sub/deep", content=b"deep"),
    directory("old/", mode=0o711, uid=8),
    Item(name="old/a", content=b"a"),
)
_HOLES: Final = (sparse("holes", 1 << 24, {4096: b"first", 1 << 23: b"second"}),)
_CHANGED: Final = (
    Item(name="data/.wh.one"),
    Item(name="old/.wh..wh..opq"),
    Item(name="old/b", content=b"b"),
    Item(name="bin/new", content=b"through the link of the layer below", mode=0o755),
    Item(name="etc/passwd", content=b"changed", mtime_ns=EPOCH + SECOND),
    Item(name=".wh.tmp"),
    directory("data/sub/", mode=0o700, xattrs={"user.colour": b"\x00\xff"}),
)


async def check_storage(make_driver: Callable[[], StorageDriver], root: Path) -> None:
    """Run all checks in the directory *root*. Raises: AssertionError with what is wrong."""
    driver = make_driver()
    await driver.open(root / "live")
    base, top = _layer(_BASE, None), _layer(_CHANGED, _layer(_BASE, None))
    await _check_layers(driver, base, top)
    await _check_roots(driver, base, top)
    await _check_changes(driver, top)
    await _check_sparse(driver, root)
    await _check_refusals(driver, base)
    await _check_removal(driver, base, top)
    await driver.close()
    await _check_leftovers(make_driver, root / "live", root / "crashed")


async def _check_layers(driver: StorageDriver, base: Layer, top: Layer) -> None:
    assert not await driver.has_layer(base.chain_id)
    usage = await driver.apply(base, io.BytesIO(tar_of(_BASE)))
    assert usage.size == sum(len(item.content) for item in _BASE), usage
    await driver.apply(top, io.BytesIO(tar_of(_CHANGED)))
    assert await driver.has_layer(base.chain_id)
    assert sorted(await driver.layers()) == sorted((base.chain_id, top.chain_id))
    assert await driver.layer_usage(base.chain_id) == usage
    assert await driver.apply(base, _Unreadable()) == usage, "a layer that is there is not read again"
    await _raises(NotFound, driver.layer_usage("sha256:" + "0" * 64))
    await _raises(NotFound, driver.layer_disk("sha256:" + "0" * 64))
    await _raises(NotFound, driver.create("ck-orphan", "sha256:" + "0" * 64))
    assert "ck-orphan" not in await driver.containers(), "a refused root is not kept"


async def _check_sparse(driver: StorageDriver, root: Path) -> None:
    layer = _layer(_HOLES, None)
    before = _disk_usage(root)
    usage = await driver.apply(layer, io.BytesIO(tar_of(_HOLES)))
    assert usage.size == 1 << 24, "a sparse file counts with its holes"
    assert _disk_usage(root) - before < 1 << 20, "holes take no space"
    assert 0 < await driver.layer_disk(layer.chain_id) < 1 << 20, "on the disk holes count nothing"
    await driver.create("ck-holes", layer.chain_id)
    content, holes = await _view(driver, "ck-holes", lambda fd: (snapshot(fd)["holes"].content, _first_hole(fd)))
    expected = bytearray(1 << 24)
    expected[4096:4101], expected[1 << 23 : (1 << 23) + 6] = b"first", b"second"
    assert content == expected
    assert holes < 1 << 23, "holes are told from content, so that copies have them too"
    await driver.remove("ck-holes")
    await driver.purge("ck-holes")
    await driver.remove_layer(layer.chain_id)
    await driver.purge_layer(layer.chain_id)


async def _check_roots(driver: StorageDriver, base: Layer, top: Layer) -> None:
    await driver.create("ck-base", base.chain_id)
    seen = await _view(driver, "ck-base", snapshot)
    expected = {item.name.strip("/"): item for item in _BASE if item.name != "./"}
    assert seen.keys() == expected.keys(), seen.keys() ^ expected.keys()
    for path, item in expected.items():
        _check_item(seen[path], item, expected)
    status, times = await _view(driver, "ck-base", lambda fd: (os.stat(".", dir_fd=fd), os.stat("usr/bin", dir_fd=fd)))
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o751, 3, 4), "the root has its attributes"
    assert times.st_mtime_ns == EPOCH - 5 * SECOND, "a directory has the time of its entry, not of what was put into it"

    await driver.create("ck-top", top.chain_id)
    changed = await _view(driver, "ck-top", snapshot)
    assert changed["etc/passwd"].content == b"changed"
    assert changed["usr/bin/new"].content.startswith(b"through"), "a parent that is a link below is followed"
    assert changed["bin"].kind == stat.S_IFLNK
    assert {path for path in changed if path.startswith("data")} == {"data", "data/two", "data/sub", "data/sub/deep"}
    assert {path for path in changed if path.startswith("old")} == {"old", "old/b"}, "an opaque directory hides"
    assert (changed["old"].mode, changed["old"].uid) == (0o711, 8), "an implied directory is as below"
    assert "tmp" not in changed
    assert (changed["data/sub"].mode, changed["data/sub"].xattrs) == (0o700, {b"user.colour": b"\x00\xff"})
    assert changed["data"] == seen["data"]

    await driver.create("ck-bare", None)
    assert await _view(driver, "ck-bare", snapshot) == {}
    assert sorted(await driver.containers()) == ["ck-bare", "ck-base", "ck-top"]
    await driver.create("ck-bare", None)


def _check_item(seen: Seen, item: Item, items: dict[str, Item]) -> None:
    kinds = {
        tarfile.REGTYPE: stat.S_IFREG,
        tarfile.DIRTYPE: stat.S_IFDIR,
        tarfile.SYMTYPE: stat.S_IFLNK,
        tarfile.CHRTYPE: stat.S_IFCHR,
        tarfile.FIFOTYPE: stat.S_IFIFO,
    }
    original = items[item.link] if item.type == tarfile.LNKTYPE else item
    assert seen.kind == kinds[original.type], item
    assert (seen.mode, seen.uid, seen.gid) == (original.mode, original.uid, original.gid), (item, seen)
    assert seen.content == (os.fsencode(original.link) if original.type == tarfile.SYMTYPE else original.content), item
    assert seen.links == original.name.strip("/"), (item, seen)
    assert seen.xattrs == {os.fsencode(name): value for name, value in original.xattrs.items()}, (item, seen)
    if original.type == tarfile.CHRTYPE:
        assert seen.device == os.makedev(*original.device)
    if original.type != tarfile.DIRTYPE:
        assert seen.mtime_ns == original.mtime_ns, (item, seen)


async def _check_changes(driver: StorageDriver, top: Layer) -> None:
    await driver.create("ck-changed", top.chain_id)
    assert await driver.changes("ck-changed") == []
    assert await driver.usage("ck-changed") == 0

    def work(root: int) -> None:
        _write(root, "etc/passwd", b"mine")
        _write(root, "data/new", b"12345")
        os.unlink("data/two", dir_fd=root)
        os.unlink("data/sub/deep", dir_fd=root)
        os.rmdir("data/sub", dir_fd=root)
        os.mkdir("data/sub", dir_fd=root)
        _write(root, "data/sub/other", b"")
        os.unlink("old/b", dir_fd=root)
        os.rmdir("old", dir_fd=root)
        os.unlink("bin", dir_fd=root)
        os.mkdir("bin", dir_fd=root)
        fd = os.open("usr/bin/sudo", os.O_WRONLY, dir_fd=root)  # opened for writing, but left as it is
        os.close(fd)

    await _view(driver, "ck-changed", work)
    expected = [
        Change("/bin", ChangeKind.MODIFIED),
        Change("/data", ChangeKind.MODIFIED),
        Change("/data/new", ChangeKind.ADDED),
        Change("/data/sub", ChangeKind.MODIFIED),
        Change("/data/sub/deep", ChangeKind.DELETED),
        Change("/data/sub/other", ChangeKind.ADDED),
        Change("/data/two", ChangeKind.DELETED),
        Change("/etc", ChangeKind.MODIFIED),
        Change("/etc/passwd", ChangeKind.MODIFIED),
        Change("/old", ChangeKind.DELETED),
    ]
    found = list(await driver.changes("ck-changed"))
    assert found == expected, found
    assert await driver.usage("ck-changed") >= len(b"mine") + len(b"12345")
    await _check_diff(driver, top)
    seen = await _view(driver, "ck-changed", snapshot, discard=True)
    again = await _view(driver, "ck-changed", snapshot)
    assert seen == again, "a root mounted to be discarded can be mounted again"


async def _check_diff(driver: StorageDriver, top: Layer) -> None:
    """The tar of a container's changes, as a layer on the container's image, makes its root anew."""
    packed = io.BytesIO()
    await driver.diff("ck-changed", packed)
    content = packed.getvalue()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    changes = await driver.changes("ck-changed")
    assert len(names) == len(changes), "what did not change is not packed"
    assert {"data/.wh.two", "data/sub/.wh.deep", ".wh.old", "etc/passwd"} < set(names), names
    layer = Layer(chain_id=_digest(b"diff"), diff_id=_digest(content), parent=top.chain_id)
    await driver.apply(layer, io.BytesIO(content))
    await driver.create("ck-again", layer.chain_id)
    assert await _view(driver, "ck-again", snapshot) == await _view(driver, "ck-changed", snapshot)
    tar = await driver.layer_tar(layer.chain_id)
    if tar is not None:
        with tar.path.open("rb") as file:
            file.seek(tar.offset)
            assert file.read(tar.size) == content, "the tar is kept byte for byte"
    await _raises(NotFound, driver.layer_tar("sha256:" + "0" * 64))
    await driver.remove("ck-again")
    await driver.remove_layer(layer.chain_id)
    again = io.BytesIO()
    await driver.diff("ck-changed", again)
    assert again.getvalue() == content, "the same changes give the same bytes"
    await _raises(NotFound, driver.diff("ck-not-there", io.BytesIO()))
    await driver.create("ck-odd", top.chain_id)
    await _view(driver, "ck-odd", lambda root: _write(root, ".wh.file", b""))
    await _raises(Conflict, driver.diff("ck-odd", io.BytesIO()), "for a name that means something else in a layer")
    await driver.remove("ck-odd")


async def _check_refusals(driver: StorageDriver, base: Layer) -> None:
    """A stream that says at its end that it was wrong, one that breaks off, and archives that lead out."""
    whole = tar_of((Item(name="x", content=b"x" * 5000),))
    hostile: dict[str, Sequence[Item]] = {
        "a name that climbs": (Item(name="../escaped"),),
        "a climb after a descent": (Item(name="a/../../escaped"),),
        "a hard link that climbs": (hard_link("x", "../../../../../../etc/passwd"),),
        "a hard link to what is not there": (hard_link("x", "etc/passwd"),),
        "a whiteout of the parent": (Item(name="a/.wh..."),),
        "a file under a file": (Item(name="f"), Item(name="f/g")),
        "a name that is too long": (Item(name="n" * 300),),
        "overlayfs's own whiteout": (Item(name="w", type=tarfile.CHRTYPE),),
        "links in a circle": (symlink("a", "b"), symlink("b", "a"), Item(name="a/x")),
    }
    streams = {why: tar_of(items) for why, items in hostile.items()}
    streams |= {"cut short": whole[:3000], "no tar": b"\x01" * 2048}
    before = sorted(await driver.layers())
    for why, content in streams.items():
        layer = Layer(chain_id=_digest(why.encode()), diff_id=_digest(content), parent=base.chain_id)
        await _raises(CorruptData, driver.apply(layer, io.BytesIO(content)), why)
        assert not await driver.has_layer(layer.chain_id), why
    wrong = Layer(chain_id=_digest(b"wrong"), diff_id=_digest(b""), parent=None)
    await _raises(CorruptData, driver.apply(wrong, _WrongAtEnd(whole)))
    assert sorted(await driver.layers()) == before, "nothing of a refused layer is kept"
    await driver.apply(wrong, io.BytesIO(whole))
    await driver.remove_layer(wrong.chain_id)


async def _check_removal(driver: StorageDriver, base: Layer, top: Layer) -> None:
    for container in await driver.containers():
        await driver.remove(container)
        await driver.remove(container)
        await driver.purge(container)
        await driver.purge(container)
        await _raises(NotFound, driver.mounts(container))
        await _raises(NotFound, driver.changes(container))
        await _raises(NotFound, driver.usage(container))
    assert list(await driver.containers()) == []
    for layer in (top, base):
        await driver.remove_layer(layer.chain_id)
        await driver.remove_layer(layer.chain_id)
        await _raises(NotFound, driver.layer_usage(layer.chain_id))
        await driver.purge_layer(layer.chain_id)
        await driver.purge_layer(layer.chain_id)
    assert list(await driver.layers()) == []


async def _check_leftovers(make_driver: Callable[[], StorageDriver], live: Path, crashed: Path) -> None:
    """What a process killed in the middle of `apply` leaves must not be taken for a layer, nor stay for ever.

    The disk as SIGKILL would leave it is a copy that is made while the driver reads.
    """
    whole = tar_of([Item(name=f"f{number}", content=b"x" * 4096) for number in range(64)])
    layer = Layer(chain_id=_digest(b"killed"), diff_id=_digest(whole), parent=None)
    driver = make_driver()
    await driver.open(live)
    await driver.create("ck-survivor", None)
    await driver.apply(layer, _CopyingHalfWay(whole, live, crashed))
    await driver.remove_layer(layer.chain_id)
    await driver.close()
    killed = _disk_usage(crashed)
    assert killed > len(whole) // 4, "the copy was made while the layer was being unpacked"
    driver = make_driver()
    await driver.open(crashed)
    assert not await driver.has_layer(layer.chain_id)
    assert list(await driver.layers()) == []
    assert list(await driver.containers()) == ["ck-survivor"]
    assert _disk_usage(crashed) < killed - len(whole) // 4, "what was half done is deleted"
    await driver.apply(layer, io.BytesIO(whole))
    assert await driver.has_layer(layer.chain_id)
    await driver.close()


class _Unreadable(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("a stream was read that should not be")


class _WrongAtEnd(io.BytesIO):
    """A whole archive whose digest turns out wrong, as the engine tells a driver."""

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if not chunk:
            raise CorruptData("the layer's bytes are not those of its diff ID")
        return chunk


class _CopyingHalfWay(io.BytesIO):
    """An archive that comes in small pieces; in its middle the directory *source* is copied to *target*."""

    def __init__(self, content: bytes, source: Path, target: Path) -> None:
        super().__init__(content)
        self._half = len(content) // 2
        self._source, self._target = source, target

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > self._half and not self._target.exists():
            self._target.mkdir()
            with opened(self._source) as source, opened(self._target) as target:
                copy_tree(source, target)
        return super().read(4096)


def _disk_usage(directory: Path) -> int:
    """Bytes that the regular files below *directory* take, what is mounted there left out."""
    device = directory.stat().st_dev
    with opened(directory) as fd:
        found = [visit.status for visit in walk(fd, enter=lambda visit: visit.status.st_dev == device)]
    return 512 * sum({each.st_ino: each.st_blocks for each in found if stat.S_ISREG(each.st_mode)}.values())


def _first_hole(root: int) -> int:
    fd = os.open("holes", os.O_RDONLY, dir_fd=root)
    try:
        return os.lseek(fd, 0, os.SEEK_HOLE)
    finally:
        os.close(fd)


async def _view(driver: StorageDriver, container_id: str, work: Callable[[int], T], *, discard: bool = False) -> T:
    return await in_root(await driver.mounts(container_id, discard=discard), (), work)


async def _raises(error: type[CkError], call: Awaitable[object], why: str = "") -> None:
    try:
        await call
    except error as raised:
        assert str(raised), "an error is a sentence"
        return
    raise AssertionError(f"{error.__name__} was not raised {why}")


def _write(root: int, path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=root)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _layer(items: Sequence[Item], parent: Layer | None) -> Layer:
    diff_id = _digest(tar_of(items))
    chain_id = _digest(f"{parent.chain_id} {diff_id}".encode()) if parent else diff_id
    return Layer(chain_id=chain_id, diff_id=diff_id, parent=parent.chain_id if parent else None)
