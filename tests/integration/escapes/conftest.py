"""What is known to have broken container runtimes, each tried from inside a container and found closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.conftest import lab, own_lab, pulled_image
from tests.integration.engine.lab import Lab

__all__ = ["lab", "own_lab", "pulled_image"]

USERS = ("host", "auto")
"""Root inside is root outside, or nobody: each wall must stand without the other one."""


@pytest.fixture(params=USERS)
def users(request: pytest.FixtureRequest) -> str:
    """An option for `run`."""
    return f"--userns {request.param}"


@pytest.fixture
def python(lab: Lab) -> Iterator[str]:
    """An image with Python, to make system calls by; whatever of it is not installed here is not needed."""
    lab.ck("pull", "-q", "host/python3")
    yield "host/python3"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file of the host that nobody inside may touch."""
    file = tmp_path / "trap"
    file.write_text("untouched")
    return file
