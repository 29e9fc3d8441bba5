"""What is the overlay driver's own: many layers, links that are mended, file systems it cannot use."""

import io
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.storage import Layer
from ck.kernel.engine.rootview import in_root
from ck.kernel.errors import InvalidArgument
from ck.kernel.testing.trees import Item, snapshot, tar_of
from ck.plugins.builtin.storage_overlay.driver import OverlayStorage

pytestmark = pytest.mark.root

MOUNTS = Path("/proc/self/mountinfo")


async def stacked(root: Path, depth: int) -> tuple[OverlayStorage, str]:
    driver = OverlayStorage(sync=False)
    await driver.open(root)
    parent = None
    for number in range(depth):
        chain_id = f"sha256:{number:064x}"
        content = tar_of([Item(name=f"d/f{number}", content=b"x")])
        await driver.apply(Layer(chain_id=chain_id, diff_id=chain_id, parent=parent), io.BytesIO(content))
        parent = chain_id
    assert parent
    return driver, parent


def test_128_layers_can_be_mounted(tmp_path: Path) -> None:
    async def main() -> None:
        driver, top = await stacked(tmp_path, 128)
        await driver.create("f" * 64, top)
        assert len(await in_root(await driver.mounts("f" * 64), (), snapshot)) == 129

    trio.run(main)


def test_links_are_mended_at_start(tmp_path: Path) -> None:
    async def main() -> None:
        driver, top = await stacked(tmp_path, 2)
        await driver.create("ck", top)
        (tmp_path / "l" / "stale").symlink_to("../layers/gone/diff")
        lost = next(path for path in (tmp_path / "l").iterdir() if path.name != "stale")
        lost.unlink()
        again = OverlayStorage(sync=False)
        await again.open(tmp_path)
        assert len(list((tmp_path / "l").iterdir())) == 2
        assert set(await in_root(await again.mounts("ck"), (), snapshot)) == {"d", "d/f0", "d/f1"}

    trio.run(main)


def test_a_layer_emptied_by_a_power_cut_is_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        _, top = await stacked(tmp_path, 1)
        (tmp_path / "layers" / f"{0:064x}" / "record.json").write_text("")
        again = OverlayStorage(sync=False)
        await again.open(tmp_path)
        assert not await again.has_layer(top)
        assert list((tmp_path / "layers").iterdir()) == []

    trio.run(main)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_names_that_are_no_ids_are_refused(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        driver = OverlayStorage(sync=False)
        await driver.open(tmp_path)
        with pytest.raises(InvalidArgument):
            await driver.create(name, None)
        with pytest.raises(InvalidArgument):
            await driver.has_layer(name)

    trio.run(main)


def test_nothing_is_mounted_on_the_host(tmp_path: Path) -> None:
    async def main() -> None:
        driver, top = await stacked(tmp_path, 1)
        await driver.create("ck", top)
        # /proc/self is the process, which has not left the host's namespace; its thread has.
        during = await in_root(await driver.mounts("ck"), (), lambda _: MOUNTS.read_text())
        assert "containers/ck" not in during

    trio.run(main)
