"""What is the erofs driver's own: mounts that are shared, found again and let go, images that are damaged, and file
systems it cannot use."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.storage import Layer
from ck.kernel.engine.rootview import attach_root, in_root
from ck.kernel.errors import CorruptData, Unsupported
from ck.kernel.linux.mount import MNT_DETACH, umount
from ck.kernel.testing.trees import Item, directory, hard_link, snapshot, symlink, tar_of
from ck.plugins.builtin.storage_erofs.driver import ErofsStorage
from tests.support.erofs_tools import complaints
from tests.support.layer_mounts import mounts_below

pytestmark = pytest.mark.root


def layer_of(number: int, parent: Layer | None) -> Layer:
    chain_id = f"sha256:{number:064x}"
    return Layer(chain_id=chain_id, diff_id=chain_id, parent=parent.chain_id if parent else None)


async def stacked(root: Path, *contents: Sequence[Item]) -> tuple[ErofsStorage, list[Layer]]:
    driver = ErofsStorage(sync=False)
    await driver.open(root)
    layers: list[Layer] = []
    for number, items in enumerate(contents):
        layers.append(layer_of(number, layers[-1] if layers else None))
        await driver.apply(layers[-1], io.BytesIO(tar_of(items)))
    return driver, layers


def file(name: str) -> tuple[Item, ...]:
    return (Item(name=name, content=name.encode()),)


def image(root: Path, layer: Layer) -> Path:
    return root / "layers" / layer.chain_id.partition(":")[2] / "image"


def test_128_layers_can_be_mounted(tmp_path: Path) -> None:
    async def main() -> None:
        driver, layers = await stacked(tmp_path, *(file(f"f{number}") for number in range(128)))
        await driver.create("f" * 64, layers[-1].chain_id)
        assert len(await in_root(await driver.mounts("f" * 64), (), snapshot)) == 128
        await driver.close()

    trio.run(main)
    assert mounts_below(tmp_path) == []


def test_layers_are_mounted_once_found_again_and_let_go(tmp_path: Path) -> None:
    places = [str(tmp_path / "mounts"), *(str(tmp_path / "mounts" / f"{number:012x}") for number in (0, 1))]

    async def main() -> None:
        driver, (_, top) = await stacked(tmp_path, (directory("./"), *file("a")), (directory("./"), *file("b")))
        assert mounts_below(tmp_path) == places[:1], "nothing is mounted before it is needed"
        for name in ("one", "two"):
            await driver.create(name, top.chain_id)
            await driver.mounts(name)
        assert sorted(mounts_below(tmp_path)) == places
        again = ErofsStorage(sync=False)  # as after a kill
        await again.open(tmp_path)
        await again.mounts("one")
        assert sorted(mounts_below(tmp_path)) == places
        assert set(await in_root(await again.mounts("one"), (), snapshot)) == {"a", "b"}
        await again.remove_layer(top.chain_id)
        assert mounts_below(tmp_path) == places[:2]
        await again.close()
        await again.close()

    trio.run(main)
    assert mounts_below(tmp_path) == []


def test_a_mount_of_a_layer_that_is_gone_is_dropped_at_start(tmp_path: Path) -> None:
    async def main() -> None:
        driver, [layer] = await stacked(tmp_path, file("a"))
        await driver.create("ck", layer.chain_id)
        await driver.mounts("ck")
        shutil.rmtree(image(tmp_path, layer).parent)
        again = ErofsStorage(sync=False)
        await again.open(tmp_path)
        assert mounts_below(tmp_path) == [str(tmp_path / "mounts")]
        with pytest.raises(CorruptData, match="missing"):
            await again.mounts("ck")
        await again.close()

    trio.run(main)


def test_other_namespaces_do_not_keep_what_is_removed(tmp_path: Path) -> None:
    driver, [layer] = trio.run(stacked, tmp_path, file("a"))
    trio.run(driver.create, "ck", layer.chain_id)
    place = str(tmp_path / "mounts" / ("0" * 12))
    script = "cat /proc/self/mountinfo; echo .; read line; cat /proc/self/mountinfo"
    command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout
        assert place in "".join(iter(other.stdout.readline, ".\n"))
        trio.run(driver.remove, "ck")
        trio.run(driver.remove_layer, layer.chain_id)
        other.stdin.write("\n")
        other.stdin.close()
        assert place not in other.stdout.read()
    trio.run(driver.close)


def test_what_runs_on_a_layer_goes_on_without_the_driver(tmp_path: Path) -> None:
    driver, [layer] = trio.run(stacked, tmp_path, (Item(name="a", content=b"a" * 100_000),))
    trio.run(driver.create, "ck", layer.chain_id)
    (tmp_path / "here").mkdir()
    before = Path.cwd()
    try:
        attach_root(trio.run(driver.mounts, "ck"), str(tmp_path / "here"))
    finally:
        os.chdir(before)
    trio.run(driver.remove_layer, layer.chain_id)
    trio.run(driver.close)
    assert (tmp_path / "here" / "a").read_bytes() == b"a" * 100_000
    umount(str(tmp_path / "here"), MNT_DETACH)


def test_an_image_that_was_cut_is_not_there_until_it_is_stored_anew(tmp_path: Path) -> None:
    async def main() -> None:
        driver, [layer] = await stacked(tmp_path, file("a"))
        await driver.create("ck", layer.chain_id)
        await driver.close()
        await driver.open(tmp_path)
        os.truncate(image(tmp_path, layer), image(tmp_path, layer).stat().st_size - 512)
        assert not await driver.has_layer(layer.chain_id) and list(await driver.layers()) == []
        with pytest.raises(CorruptData, match="bytes and not"):
            await driver.mounts("ck")
        await driver.apply(layer, io.BytesIO(tar_of(file("a"))))
        assert set(await in_root(await driver.mounts("ck"), (), snapshot)) == {"a"}
        image(tmp_path, layer).unlink()
        assert not await driver.has_layer(layer.chain_id)
        await driver.close()

    trio.run(main)


def test_one_archive_twice_in_an_image_is_two_file_systems(tmp_path: Path) -> None:
    """Else overlayfs would take files of the two that have the same number for one."""
    twins = (Item(name="a", content=b"1"), hard_link("b", "a"), symlink("c", "a"))

    async def main() -> None:
        driver, (low, high) = await stacked(tmp_path, twins, twins)
        await driver.create("ck", high.chain_id)
        seen = await in_root(await driver.mounts("ck"), (), snapshot)
        assert (seen["a"].links, seen["b"].links, seen["c"].links) == ("a", "a", "c")
        heads = [image(tmp_path, layer).read_bytes()[1024:1152] for layer in (low, high)]
        assert heads[0][48:64] != heads[1][48:64]
        await driver.close()

    trio.run(main)


def test_images_are_for_root_alone(tmp_path: Path) -> None:
    async def main() -> None:
        driver, [layer] = await stacked(tmp_path, file("a"))
        assert image(tmp_path, layer).stat().st_mode & 0o7777 == 0o400
        assert {(tmp_path / name).stat().st_mode & 0o7777 for name in ("mounts", "layers")} == {0o700}
        await driver.close()

    trio.run(main)


def test_a_data_root_on_a_tmpfs_is_unsupported() -> None:
    async def main(root: Path) -> None:
        driver = ErofsStorage(sync=False)
        with pytest.raises(Unsupported, match=r"cannot be mounted from .* \(tmpfs\): "):
            await driver.open(root)
        assert mounts_below(root) == []

    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="ck-tmpfs-") as root:
        trio.run(main, Path(root))


def test_the_tools_of_erofs_find_nothing_wrong(tmp_path: Path) -> None:
    items = [directory("d/", xattrs={"user.x": b"1"}), symlink("l", "d"), Item(name="p", type=b"6")]
    items += [Item(name=f"d/{number}", content=b"x" * number * 100) for number in range(300)]

    driver, [layer] = trio.run(stacked, tmp_path, items)
    trio.run(driver.close)
    found = complaints(image(tmp_path, layer))
    if found is None:
        pytest.skip("erofs-utils are not installed, or older than 1.6")
    assert found == ""
