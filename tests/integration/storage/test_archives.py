"""`cp` inside a root: links resolve in it, nothing leads out, what is packed can be unpacked and is the same."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
import zstandard

from ck.kernel.archive.stage import opened
from ck.kernel.drivers.storage import RootMount
from ck.kernel.engine.archives import copy_up, pack_path, stat_path, streaming, unpack_at
from ck.kernel.engine.rootview import Bind, in_root, in_running_root
from ck.kernel.errors import Conflict, CorruptData, Forbidden, InvalidArgument, NotFound
from ck.kernel.linux.mount import clone_tree
from ck.kernel.testing.trees import Item, directory, hard_link, snapshot, symlink, tar_of

pytestmark = pytest.mark.root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A root beside which lies a secret that links in it try to reach."""
    (tmp_path / "secret").write_text("secret")
    top = tmp_path / "root"
    (top / "etc" / "app").mkdir(parents=True)
    (top / "etc" / "app" / "conf").write_text("conf")
    (top / "etc" / "app" / "conf").chmod(0o4750)
    (top / "etc" / "current").symlink_to("/etc/app")
    (top / "etc" / "out").symlink_to("../../../secret")
    (top / "etc" / "dangling").symlink_to("nowhere/at/all")
    os.link(top / "etc" / "app" / "conf", top / "etc" / "app" / "twin")
    os.setxattr(top / "etc" / "app", "user.x", b"\xff\0")
    os.utime(top / "etc" / "app", ns=(1, 1_600_000_000_123_456_789))
    with opened(top) as fd:
        yield fd


def names(chunks: Iterator[bytes]) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return archive.getnames()


def test_stat_tells_what_is_there(root: int) -> None:
    found = stat_path(root, "/etc/app/conf")
    assert (found.name, found.size, stat.S_IMODE(found.mode), found.link_target) == ("conf", 4, 0o4750, "")
    assert stat.S_ISDIR(stat_path(root, "etc/app/").mode)
    assert stat_path(root, "/").name == "/"
    assert stat_path(root, "/etc/current/conf").name == "conf"


def test_a_link_at_the_end_is_not_followed_unless_a_slash_says_so(root: int) -> None:
    link = stat_path(root, "/etc/current")
    assert stat.S_ISLNK(link.mode)
    assert link.link_target == "/etc/app"
    assert stat.S_ISDIR(stat_path(root, "/etc/current/").mode)
    assert stat_path(root, "/etc/dangling").link_target == "/etc/nowhere/at/all"
    assert stat_path(root, "/etc/out").link_target == "/secret"


@pytest.mark.parametrize("path", ["/none", "/etc/none/x", "/etc/dangling/", "../../secret", "/etc/out/"])
def test_what_is_not_there_is_not_found(root: int, path: str) -> None:
    with pytest.raises(NotFound):
        stat_path(root, path)
    with pytest.raises(NotFound):
        next(pack_path(root, path))


def test_a_path_through_a_file_or_with_a_nul_is_refused(root: int) -> None:
    with pytest.raises(InvalidArgument):
        stat_path(root, "/etc/app/conf/x")
    with pytest.raises(InvalidArgument):
        stat_path(root, "/etc\0")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/app", ["app", "app/conf", "app/twin"]),
        ("/etc/app/", ["app", "app/conf", "app/twin"]),
        ("/etc/app/.", [".", "./conf", "./twin"]),
        ("/etc/current", ["current"]),
        ("/etc/current/", ["current", "current/conf", "current/twin"]),
        ("/etc/app/conf", ["conf"]),
        ("/etc/app/../current/./conf", ["conf"]),
    ],
)
def test_archives_are_named_after_the_path(root: int, path: str, expected: list[str]) -> None:
    assert names(pack_path(root, path)) == expected


def test_the_whole_root_is_archived_with_a_leading_slash(root: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pack_path(root, "/")))) as archive:
        members = [member.name for member in archive]
    assert "/etc/app/conf" in members
    assert all(name.startswith("/") for name in members if name)


def test_what_is_packed_unpacks_to_the_same(root: int, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with opened(tmp_path / "copy") as copy:
        unpack_at(copy, "/", io.BytesIO(b"".join(pack_path(root, "/."))))
        assert snapshot(copy) == snapshot(root)
        assert os.stat("etc/app", dir_fd=copy).st_mtime_ns == 1_600_000_000_123_456_789


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress]
)
def test_uploads_may_be_compressed(root: int, compress: Callable[[bytes], bytes]) -> None:
    unpack_at(root, "/etc/current", io.BytesIO(compress(tar_of([Item(name="new", content=b"new")]))))
    assert snapshot(root)["etc/app/new"].content == b"new"


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress])
def test_a_damaged_upload_is_corrupt_data(root: int, compress: Callable[[bytes], bytes]) -> None:
    whole = bytearray(compress(tar_of([Item(name="new", content=os.urandom(5000))])))
    with pytest.raises(CorruptData):
        unpack_at(root, "/etc", io.BytesIO(whole[: len(whole) // 2]))


def test_directories_and_others_replace_each_other_only_if_allowed(root: int) -> None:
    file_over_directory = tar_of([Item(name="app", content=b"x")])
    with pytest.raises(InvalidArgument, match="directory"):
        unpack_at(root, "/etc", io.BytesIO(file_over_directory), no_overwrite_dir_non_dir=True)
    assert "etc/app/conf" in snapshot(root)
    unpack_at(root, "/etc", io.BytesIO(file_over_directory))
    with pytest.raises(InvalidArgument, match="non-directory"):
        unpack_at(root, "/etc", io.BytesIO(tar_of([directory("app/")])), no_overwrite_dir_non_dir=True)
    assert snapshot(root)["etc/app"].content == b"x"


def test_owner_overrules_and_the_target_directory_stays_as_it_is(root: int) -> None:
    unpack_at(root, "/etc/app", io.BytesIO(tar_of([directory("./", mode=0), Item(name="n", uid=5)])), owner=(7, 8))
    seen = snapshot(root)
    assert (seen["etc/app/n"].uid, seen["etc/app/n"].gid) == (7, 8)
    assert seen["etc/app"].mode == 0o755


@pytest.mark.parametrize("path", ["/none", "/etc/dangling"])
def test_unpacking_needs_a_directory(root: int, path: str) -> None:
    with pytest.raises(NotFound):
        unpack_at(root, path, io.BytesIO(tar_of([])))
    with pytest.raises(InvalidArgument):
        unpack_at(root, "/etc/app/conf", io.BytesIO(tar_of([])))


def test_links_in_an_upload_resolve_in_the_root_and_not_in_the_directory(root: int, tmp_path: Path) -> None:
    items = [symlink("up", "/etc/app"), Item(name="up/through", content=b"t"), symlink("out", "/secret")]
    unpack_at(root, "/etc", io.BytesIO(tar_of([*items, Item(name="out", content=b"mine")])))
    assert snapshot(root)["etc/app/through"].content == b"t"
    assert snapshot(root)["etc/out"].content == b"mine"
    assert (tmp_path / "secret").read_text() == "secret"
    with pytest.raises(CorruptData):
        unpack_at(root, "/etc", io.BytesIO(tar_of([hard_link("x", "../../secret")])))


def test_copy_up_fills_an_empty_volume_only(root: int, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    os.fchown(root, 0, 0)
    copy_up(root, "/none", volume)
    copy_up(root, "/etc/app/conf", volume)
    assert list(volume.iterdir()) == []
    os.chmod("etc/app", 0o1770, dir_fd=root)
    os.chown("etc/app", 3, 4, dir_fd=root)
    copy_up(root, "/etc/current", volume)
    status = volume.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o1770, 3, 4)
    assert os.getxattr(volume, "user.x") == b"\xff\0"
    assert (volume / "conf").stat().st_ino == (volume / "twin").stat().st_ino
    (volume / "conf").write_text("user's")
    copy_up(root, "/etc", volume)
    assert sorted(path.name for path in volume.iterdir()) == ["conf", "twin"]


def test_streaming_gives_value_and_chunks_and_survives_a_reader_that_leaves(root: int, tmp_path: Path) -> None:
    os.ftruncate(big := os.open("big", os.O_WRONLY | os.O_CREAT, dir_fd=root), 1 << 24)
    os.close(big)
    view = partial(in_root, (RootMount(type="bind", source=str(tmp_path / "root")),), ())

    async def main() -> None:
        async with streaming(view, lambda fd: (stat_path(fd, "/big"), pack_path(fd, "/big"))) as (found, chunks):
            assert found.size == 1 << 24
            assert names(iter([chunk async for chunk in chunks])) == ["big"]
        async with streaming(view, lambda fd: (None, pack_path(fd, "/big"))) as (_, chunks):
            async for _chunk in chunks:
                break
        with pytest.raises(NotFound):
            async with streaming(view, lambda fd: (stat_path(fd, "/none"), pack_path(fd, "/none"))):
                raise AssertionError("the body must not run")
        with pytest.raises(ZeroDivisionError):
            async with streaming(view, lambda fd: (None, pack_path(fd, "/big"))):
                raise ZeroDivisionError
        with pytest.raises(NotFound):
            async with streaming(view, lambda fd: (None, pack_path(fd, "/none"))) as (_, chunks):
                async for _chunk in chunks:
                    raise AssertionError("there is nothing to read")
        with trio.move_on_after(0.01) as scope:
            async with streaming(view, lambda fd: (None, pack_path(fd, "/big"))):
                await trio.sleep_forever()
        assert scope.cancelled_caught

    trio.run(main)


def test_binds_lie_on_the_root_and_obey_read_only(root: int, tmp_path: Path) -> None:
    host = tmp_path / "volume"
    host.mkdir()
    (host / "file").write_text("volume")
    mounts = (RootMount(type="bind", source=str(tmp_path / "root")),)

    def work(fd: int) -> None:
        assert snapshot(fd)["data/v/file"].content == b"volume"
        with pytest.raises(Forbidden):
            unpack_at(fd, "/data/v", io.BytesIO(tar_of([Item(name="x")])))
        unpack_at(fd, "/file/..", io.BytesIO(tar_of([Item(name="y", content=b"y")])))

    async def main() -> None:
        binds = (
            Bind(clone_tree(str(host)), "/data/v", read_only=True),
            Bind(clone_tree(str(host / "file")), "/file", read_only=False),
        )
        await in_root(mounts, binds, work)
        with pytest.raises(Forbidden):
            await in_root(
                mounts, (), lambda fd: unpack_at(fd, "/", io.BytesIO(tar_of([Item(name="z")]))), read_only=True
            )

    trio.run(main)
    assert (tmp_path / "root" / "y").read_text() == "y"
    assert list((tmp_path / "root" / "data" / "v").iterdir()) == [], "the volume was mounted in private only"
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_the_root_of_a_running_process(tmp_path: Path) -> None:
    async def main() -> None:
        assert "proc" in await in_running_root(os.getpid(), lambda fd: os.listdir(os.open(".", os.O_RDONLY, dir_fd=fd)))
        with pytest.raises(Conflict):
            await in_running_root(2**22 + 1, os.fstat)

    trio.run(main)
