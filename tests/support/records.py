"""Records as the engine keeps them, for tests of pure logic."""

from datetime import UTC, datetime
from typing import Any

from ck.kernel.api.container import Container, ContainerConfig, ContainerState, HostConfig
from ck.kernel.lifecycle import State

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
ID = "c0" * 32


def container(**changes: Any) -> Container:
    """A running container, but for *changes*."""
    fields: dict[str, Any] = {
        "id": ID,
        "name": "web",
        "created": AT,
        "image_id": "sha256:" + "ab" * 32,
        "image_ref": "busybox",
        "path": "sh",
        "args": ("-c", "echo hi"),
        "config": ContainerConfig(image="busybox", labels={"tier": "front"}),
        "host_config": HostConfig(network_mode="none"),
        "state": ContainerState(status=State.RUNNING, pid=42, started_at=AT),
        "log_driver": "local",
    }
    return Container(**(fields | changes))
