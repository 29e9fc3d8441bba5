"""A container as `ps` shows it. Pure; made to be fast, since `ps` makes a thousand of them."""

from datetime import UTC, datetime

from ck.kernel.api.container import Container, ContainerState, HealthStatus
from ck.kernel.lifecycle import ACTIVE, State
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.endpoints import networks_json
from ck.plugins.builtin.docker_api._shapes.mounts import mount_point_json
from ck.plugins.builtin.docker_api._shapes.times import human_duration

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def status_text(state: ContainerState, now: datetime) -> str:
    """The STATUS column: "Up 3 minutes", "Exited (0) 5 seconds ago"."""
    match state.status:
        case State.RUNNING:
            return f"Up {_since(state.started_at, now)}{_health_suffix(state)}"
        case State.PAUSED:
            return f"Up {_since(state.started_at, now)} (Paused)"
        case State.RESTARTING:
            return f"Restarting ({state.exit_code}) {_since(state.finished_at, now)} ago"
        case State.EXITED:
            return f"Exited ({state.exit_code}) {_since(state.finished_at, now)} ago"
        case State.REMOVING:
            return "Removal In Progress"
        case State.DEAD:
            return "Dead"
        case _:
            return "Created"


def health_word(state: ContainerState) -> str:
    """The health as filters name it: "none" where there is no check. One that does not run is not well."""
    if state.health is None:
        return "none"
    return state.health.status.value if state.status in ACTIVE else HealthStatus.UNHEALTHY.value


def _health_suffix(state: ContainerState) -> str:
    if state.health is None:
        return ""
    starting = state.health.status is HealthStatus.STARTING
    return " (health: starting)" if starting else f" ({state.health.status.value})"


def _since(then: datetime | None, now: datetime) -> str:
    return human_duration((now - (then or _NEVER)).total_seconds())


def command_text(container: Container) -> str:
    """The COMMAND column; words with spaces are quoted."""
    return " ".join([container.path, *(f"'{arg}'" if " " in arg else arg for arg in container.args)])


def _ports(container: Container) -> list[Json]:
    if container.state.status not in ACTIVE or container.host_config.network_mode == "host":
        return []
    ports: list[Json] = [
        {"IP": port.host_ip, "PrivatePort": port.container_port, "PublicPort": port.host_port, "Type": port.protocol}
        for port in container.ports
    ]
    published = {(port.container_port, port.protocol) for port in container.ports}
    for text in container.config.exposed_ports:
        number, _, protocol = text.partition("/")
        if number.isdecimal() and (int(number), protocol or "tcp") not in published:
            ports.append({"PrivatePort": int(number), "Type": protocol or "tcp"})
    return ports


def summary_json(container: Container, now: datetime, image: str, sizes: tuple[int, int] | None = None) -> Json:
    """*image* is what the image is called now: the reference typed at create, or the ID where that moved on."""
    state, host = container.state, container.host_config
    json: Json = {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": image,
        "ImageID": container.image_id,
        "Command": command_text(container),
        "Created": int(container.created.timestamp()),
        "Ports": _ports(container),
        "Labels": dict(container.config.labels),
        "State": state.status.value,
        "Status": status_text(state, now),
        "HostConfig": {"NetworkMode": host.network_mode or "default"},
        "NetworkSettings": {"Networks": networks_json(container)},
        "Mounts": [mount_point_json(mount) for mount in container.mounts],
    }
    if host.annotations:
        json["HostConfig"]["Annotations"] = dict(host.annotations)
    if sizes:
        json["SizeRw"], json["SizeRootFs"] = sizes
    return json
