"""Images of a real registry, pulled and run by `ck`."""

from pathlib import Path

import pytest

from tests.support.busybox import busybox_layout
from tests.support.daemon import Daemon
from tests.support.registry import Registry


@pytest.fixture
def pushed(registry: Registry, tmp_path: Path) -> str:
    """The busybox image, pushed as ck/tags:one and :two; returns the repository."""
    directory, tag = busybox_layout(tmp_path).removeprefix("oci:").rsplit(":", 1)
    for name in ("one", "two"):
        registry.push(Path(directory), tag, f"ck/tags:{name}")
    return f"{registry.address}/ck/tags"


def test_all_tags_are_pulled(fresh_daemon: Daemon, pushed: str) -> None:
    result = fresh_daemon.ck("pull", "-a", pushed)
    assert result.out.count("Status: Downloaded newer image") == 2
    tags = fresh_daemon.ck("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
    assert sorted(tags) == [f"{pushed}:one", f"{pushed}:two"]
    assert fresh_daemon.ck("run", "--rm", f"{pushed}:two", "echo", "hello").out == "hello\n"
    refused = fresh_daemon.ck("pull", "-a", f"{pushed}:one", check=False)
    assert refused.code == 1 and "tag can't be used with --all-tags/-a" in refused.err
    missing = fresh_daemon.ck("pull", "-a", f"{pushed}-not", check=False)
    assert missing.code == 1 and f"repository {pushed}-not not found" in missing.err
