"""What storage drivers have mounted goes also where a test fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.layer_mounts import unmount_below


@pytest.fixture(autouse=True)
def nothing_stays_mounted(tmp_path: Path) -> Iterator[None]:
    yield
    unmount_below(tmp_path)
