"""Builds on a real engine: a directory for the context, and nothing left of what was built."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.build.workbench import Workbench
from tests.integration.engine.conftest import lab, own_lab, pulled_image
from tests.integration.engine.lab import Lab

__all__ = ["lab", "own_lab", "pulled_image"]


@pytest.fixture
def bench(lab: Lab, tmp_path: Path) -> Iterator[Workbench]:
    """A context of the test's own; its images, and what the cache has of them, are removed at the end."""
    (tmp_path / "context").mkdir()
    workbench = Workbench(lab, tmp_path / "context")
    yield workbench
    workbench.clean()
