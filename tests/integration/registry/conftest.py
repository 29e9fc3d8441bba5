"""The real registry server, one for the whole session, and what is pushed to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An open registry without TLS."""
    with Registry(tmp_path_factory.mktemp("ck-registry")) as running:
        yield running


@pytest.fixture
def anonymous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker config directory of the test's own, without any credentials."""
    directory = tmp_path / "docker"
    directory.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))
    return directory
