"""All storage drivers pass the kernel's public checks, on the real file system."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.storage import StorageDriver
from ck.kernel.testing.storage import check_storage
from ck.plugins.builtin.storage_erofs.driver import ErofsStorage
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
