"""The engine's features, tried as a user of Docker would."""

import re
from collections.abc import Iterator

import pytest

from tests.integration.engine.lab import Lab
from tests.support.daemon import Daemon


def _name(request: pytest.FixtureRequest) -> str:
    return "ck-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")


@pytest.fixture(scope="module")
def pulled_image(daemon: Daemon, busybox_image: str) -> str:
    """The image, present: a test must not read of its pull."""
    daemon.ck("pull", "-q", busybox_image)
    return busybox_image


@pytest.fixture
def lab(request: pytest.FixtureRequest, daemon: Daemon, pulled_image: str) -> Iterator[Lab]:
    """On the engine that all tests share."""
    lab = Lab(daemon, pulled_image, _name(request))
    yield lab
    lab.clean()


@pytest.fixture
def own_lab(request: pytest.FixtureRequest, fresh_daemon: Daemon, busybox_image: str) -> Lab:
    """On an engine of its own, which may be killed and whose end removes everything."""
    fresh_daemon.ck("pull", "-q", busybox_image)
    return Lab(fresh_daemon, busybox_image, _name(request))
