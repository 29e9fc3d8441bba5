"""Engines and images for tests that run the real thing."""

from collections.abc import Iterator

import pytest

from tests.support.busybox import busybox_layout
from tests.support.daemon import Daemon


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """One engine for all tests that do not harm it."""
    with Daemon() as daemon:
        yield daemon


@pytest.fixture
def fresh_daemon() -> Iterator[Daemon]:
    """An engine for one test, which may kill it."""
    with Daemon() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def busybox_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A reference to a small image with a shell and its tools; every engine of this machine can pull it."""
    return busybox_layout(tmp_path_factory.mktemp("busybox"))
