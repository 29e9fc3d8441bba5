"""An image's config, written (OCI image-spec, config.md, with what Docker adds to it). Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ck.kernel.api.container import ContainerConfig, HealthcheckConfig
from ck.kernel.api.image import HistoryEntry


def write_image(
    base: Mapping[str, Any],
    config: ContainerConfig,
    *,
    diff_ids: Sequence[str],
    history: Sequence[HistoryEntry],
    created: datetime,
    author: str = "",
) -> bytes:
    """The config of an image that is made of another, whose own is *base*: *diff_ids* are all layers, *history* the
    entries that come after those of *base*."""
    document = dict(base)
    document.pop("container", None)  # Docker's: of the one that *base* was made in
    document.pop("container_config", None)
    document |= {
        "created": write_time(created),
        "config": write_config(config),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [*(base.get("history") or ()), *map(_write_history, history)],
    }
    if author:
        document["author"] = author
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def write_config(config: ContainerConfig) -> dict[str, Any]:
    """The "config" object: what a container of the image is to be like. Sets are written sorted, so that what is the
    same has the same digest."""
    members: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in sorted(config.exposed_ports)},
        "Env": list(config.env),
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "Cmd": None if config.cmd is None else list(config.cmd),
        "Volumes": {path: {} for path in sorted(config.volumes)},
        "WorkingDir": config.working_dir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "Healthcheck": config.healthcheck and _write_healthcheck(config.healthcheck),
        "OnBuild": list(config.on_build),
        "Shell": list(config.shell or ()),
    }
    return {key: value for key, value in members.items() if value}


def write_time(time: datetime) -> str:
    """RFC 3339, in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write_healthcheck(check: HealthcheckConfig) -> dict[str, Any]:
    members = {
        "Test": list(check.test),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {key: value for key, value in members.items() if value}


def _write_history(entry: HistoryEntry) -> dict[str, Any]:
    members = {
        "created": entry.created and write_time(entry.created),
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {key: value for key, value in members.items() if value}
