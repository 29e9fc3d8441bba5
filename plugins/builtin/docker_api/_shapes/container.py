"""Containers: the body of a create to a ContainerSpec, and a record to what `inspect` shows. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.api.container import (
    Container,
    ContainerConfig,
    ContainerSpec,
    ContainerState,
    EndpointRequest,
    Processes,
)
from ck.kernel.drivers.storage import Change
from ck.kernel.lifecycle import ACTIVE, State
from ck.plugins.builtin.docker_api._shapes.codec import NUMBER, TEXT, Field, Json, Table, expect_object
from ck.plugins.builtin.docker_api._shapes.config import CONFIG, config_json
from ck.plugins.builtin.docker_api._shapes.endpoints import load_endpoint_requests, network_settings_json
from ck.plugins.builtin.docker_api._shapes.host_config import host_config_json, load_host_config
from ck.plugins.builtin.docker_api._shapes.mounts import mount_point_json
from ck.plugins.builtin.docker_api._shapes.summary import health_word
from ck.plugins.builtin.docker_api._shapes.times import rfc3339

_USERS: Final = Table(
    Field("First", "first", NUMBER),
    Field("Size", "size", NUMBER),
    Field("Others", "others", NUMBER),
)
_BESIDE_CONFIG = ("HostConfig", "NetworkingConfig", "MacAddress")


def container_spec(body: Mapping[str, Any]) -> ContainerSpec:
    """The body of POST /containers/create. Raises: InvalidArgument, naming the field at fault."""
    config = ContainerConfig(**CONFIG.load({key: body[key] for key in body if key not in _BESIDE_CONFIG}, ""))
    host = load_host_config(expect_object(body.get("HostConfig") or {}, "HostConfig"))
    networking = expect_object(body.get("NetworkingConfig") or {}, "NetworkingConfig")
    wanted = expect_object(networking.get("EndpointsConfig") or {}, "NetworkingConfig.EndpointsConfig")
    networks = load_endpoint_requests(wanted, "NetworkingConfig.EndpointsConfig.")
    # Until 1.44 the address was the container's, and meant that on its first network.
    if mac := TEXT.load(body.get("MacAddress") or "", "MacAddress"):
        name = host.network_mode or "default"
        networks[name] = attrs.evolve(networks.get(name, EndpointRequest()), mac_address=mac)
    return ContainerSpec(config=config, host_config=host, networks=networks)


def state_json(state: ContainerState) -> Json:
    """`State` of an inspect; a paused container also counts as running."""
    status = state.status
    json: Json = {
        "Status": status.value,
        "Running": status in ACTIVE or status is State.RESTARTING,
        "Paused": status is State.PAUSED,
        "Restarting": status is State.RESTARTING,
        "OOMKilled": state.oom_killed,
        **({"OOMLimit": state.oom_limit} if state.oom_limit else {}),  # Docker has not
        "Dead": status is State.DEAD,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339(state.started_at),
        "FinishedAt": rfc3339(state.finished_at),
    }
    if state.health is not None:
        json["Health"] = {
            "Status": health_word(state),
            "FailingStreak": state.health.failing_streak,
            "Log": [
                {
                    "Start": rfc3339(probe.start),
                    "End": rfc3339(probe.end),
                    "ExitCode": probe.exit_code,
                    "Output": probe.output,
                }
                for probe in state.health.log
            ],
        }
    return json


def container_json(container: Container, exec_ids: Sequence[str] = (), sizes: tuple[int, int] | None = None) -> Json:
    """What `inspect` shows. *sizes* are the bytes of the writable root and of the whole."""
    json: Json = {
        "Id": container.id,
        "Created": rfc3339(container.created),
        "Path": container.path,
        "Args": list(container.args),
        "State": state_json(container.state),
        "Image": container.image_id,
        "ResolvConfPath": container.resolv_conf_path,
        "HostnamePath": container.hostname_path,
        "HostsPath": container.hosts_path,
        "LogPath": container.log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": container.storage_driver,
        "Platform": container.platform,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "Users": _USERS.dump(container.users) if container.users else None,  # Docker has not
        "ExecIDs": list(exec_ids) or None,
        "HostConfig": host_config_json(container.host_config),
        "GraphDriver": {"Name": container.storage_driver, "Data": None},
        "Mounts": [mount_point_json(mount) for mount in container.mounts],
        "Config": {**config_json(container.config), "Image": container.image_ref},
        "NetworkSettings": network_settings_json(container),
    }
    if sizes:
        json["SizeRw"], json["SizeRootFs"] = sizes
    return json


def processes_json(processes: Processes) -> Json:
    return {"Titles": list(processes.titles), "Processes": [list(row) for row in processes.rows]}


def changes_json(changes: Sequence[Change]) -> list[Json] | None:
    """Go's nil slice where nothing changed."""
    return [{"Path": change.path, "Kind": int(change.kind)} for change in changes] or None
