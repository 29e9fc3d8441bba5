"""All storage drivers pass the kernel's public checks, on the real file system."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.errors import Unsupported
from ck.kernel.linux.mount import mount
from ck.kernel.linux.private_mounts import in_private_mounts
from ck.kernel.testing.storage import check_storage
from ck.plugins.builtin.storage_erofs._probe import probe as erofs_probe
from ck.plugins.builtin.storage_erofs.driver import ErofsStorage
from ck.plugins.builtin.storage_overlay._probe import probe as overlay_probe
from ck.plugins.builtin.storage_overlay.driver import OverlayStorage
from ck.plugins.builtin.storage_vfs.driver import VfsStorage

pytestmark = pytest.mark.root

DRIVERS = [
    pytest.param(partial(ErofsStorage, sync=True), id="erofs"),
    pytest.param(partial(OverlayStorage, sync=True), id="overlay"),
    pytest.param(partial(VfsStorage, sync=False), id="vfs"),
]


@pytest.mark.parametrize("make_driver", DRIVERS)
def test_driver_passes_the_checks(make_driver: Callable[[], StorageDriver], tmp_path: Path) -> None:
    trio.run(check_storage, make_driver, tmp_path)


@pytest.mark.parametrize("probe", [erofs_probe, overlay_probe])
def test_a_data_root_on_an_overlay_is_unsupported(tmp_path: Path, probe: Callable[[Path], None]) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()

    def on_overlay() -> None:
        os.chdir(tmp_path)
        mount("overlay", "merged", "overlay", data="lowerdir=lower,upperdir=upper,workdir=work,volatile")
        scratch = tmp_path / "merged" / "tmp" / "scratch"
        scratch.mkdir(parents=True)
        probe(scratch)

    with pytest.raises(Unsupported, match="overlay"):
        in_private_mounts(on_overlay)
