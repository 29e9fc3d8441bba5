"""Limits are overrun and seen to hold, whichever cgroup version this machine has."""

from collections.abc import Iterator

import docker
import pytest

from tests.integration.engine.conftest import lab, own_lab, pulled_image
from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter

__all__ = ["lab", "own_lab", "pulled_image"]


@pytest.fixture
def meter(lab: Lab) -> Iterator[Meter]:
    """Measures the containers of *lab*."""
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    yield Meter(client)
    client.close()
