"""The local volume driver with real mounts."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio

from ck.kernel.errors import CkError, Conflict, CorruptData, InvalidArgument, NotFound, Unsupported
from ck.kernel.testing.volume import check_volume_driver
from ck.plugins.builtin.volume_local._mounting import is_mount_point, unmount_volume
from ck.plugins.builtin.volume_local.driver import LocalVolumes
from ck.plugins.builtin.volume_local.plugin import ck_register_volume

pytestmark = pytest.mark.root

TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=7,nosuid"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where volumes are; whatever a test leaves mounted is unmounted."""
    yield tmp_path / "volumes with space"
    for data in tmp_path.glob("*/*/_data"):
        unmount_volume(data)


def run(root: Path, work: Callable[[LocalVolumes], Awaitable[None]]) -> None:
    async def main() -> None:
        driver = LocalVolumes()
        await driver.open(root)
        await work(driver)
        await driver.close()

    trio.run(main)


@pytest.mark.parametrize("options", [{}, TMPFS])
def test_conformance(root: Path, options: dict[str, str]) -> None:
    other = {**TMPFS, "o": "size=2m"}
    trio.run(check_volume_driver, lambda: ck_register_volume()["local"]({}), root, options, other)


def test_a_bind_volume_is_read_only_if_asked(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("content")

    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-bind", {"type": "none", "device": str(source), "o": "bind,ro"})
        path = await driver.mount("ck-bind", "one")
        assert (path / "file").read_text() == "content"
        with pytest.raises(OSError, match="Read-only"):
            (path / "new").touch()
        await driver.unmount("ck-bind", "one")
        await driver.remove("ck-bind")
        assert (source / "file").exists()

    run(root, work)


def test_the_last_user_unmounts(root: Path) -> None:
    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-shared", TMPFS)
        path = await driver.mount("ck-shared", "one")
        assert path.stat().st_uid == 7
        await driver.mount("ck-shared", "two")
        await driver.unmount("ck-shared", "one")
        assert is_mount_point(path)
        with pytest.raises(Conflict, match="two"):
            await driver.remove("ck-shared")

    async def after_restart(driver: LocalVolumes) -> None:
        path = (await driver.get("ck-shared")).mountpoint
        assert is_mount_point(path)
        await driver.unmount("ck-shared", "two")
        assert not is_mount_point(path)
        await driver.remove("ck-shared")

    run(root, work)
    run(root, after_restart)


def test_a_reboot_mounts_again(root: Path) -> None:
    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-rebooted", TMPFS)
        path = await driver.mount("ck-rebooted", "one")
        unmount_volume(path)
        assert await driver.mount("ck-rebooted", "one") == path
        assert is_mount_point(path)

    run(root, work)


def test_removal_keeps_what_is_on_the_device(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").touch()

    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-bind", {"type": "none", "device": str(source), "o": "bind"})
        path = await driver.mount("ck-bind", "one")
        # The engine died between the two halves of unmount.
        (path.parent / "users" / "one").unlink()
        await driver.remove("ck-bind")
        assert (source / "file").exists()

    run(root, work)


@pytest.mark.parametrize(
    ("options", "error", "named"),
    [
        ({"type": "none", "device": "/ck/no/such/directory", "o": "bind"}, NotFound, "/ck/no/such/directory"),
        ({"type": "ckfs", "device": "x"}, Unsupported, "ckfs"),
        ({"type": "tmpfs", "device": "tmpfs", "o": "ck-bad=1,password=secret"}, InvalidArgument, "ck-failing"),
    ],
)
def test_a_mount_that_fails_says_why(root: Path, options: dict[str, str], error: type[CkError], named: str) -> None:
    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-failing", options)
        with pytest.raises(error, match=named) as caught:
            await driver.mount("ck-failing", "one")
        assert "secret" not in str(caught.value)
        await driver.remove("ck-failing")

    run(root, work)


def test_what_a_crash_left_is_swept(root: Path) -> None:
    (root / ".tmp-0123" / "_data").mkdir(parents=True)
    (root / "foreign").mkdir()

    async def work(driver: LocalVolumes) -> None:
        assert await driver.list() == []
        assert os.listdir(root) == ["foreign"]
        with pytest.raises(Conflict, match="foreign"):
            await driver.create("foreign", {})

    run(root, work)


def test_a_damaged_record_hides_no_other_volume(root: Path) -> None:
    async def work(driver: LocalVolumes) -> None:
        await driver.create("ck-good", {})
        bad = await driver.create("ck-bad", {})
        (bad.mountpoint.parent / "volume.json").write_text("{")
        assert [volume.name for volume in await driver.list()] == ["ck-good"]
        with pytest.raises(CorruptData, match="ck-bad"):
            await driver.get("ck-bad")

    run(root, work)


def test_usage_counts_a_hard_link_once(root: Path) -> None:
    async def work(driver: LocalVolumes) -> None:
        volume = await driver.create("ck-usage", {})
        (volume.mountpoint / "directory").mkdir()
        (volume.mountpoint / "file").write_bytes(b"x" * 5000)
        os.link(volume.mountpoint / "file", volume.mountpoint / "directory" / "link")
        assert await driver.usage("ck-usage") == 5000

    run(root, work)


def test_a_tree_deeper_than_any_path_can_be_removed(root: Path) -> None:
    async def work(driver: LocalVolumes) -> None:
        volume = await driver.create("ck-deep", {})
        fd = os.open(volume.mountpoint, os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        assert await driver.usage("ck-deep") == 0
        await driver.remove("ck-deep")
        assert os.listdir(root) == []

    run(root, work)
