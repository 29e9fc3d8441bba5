"""What a request may ask for on a socket of limited scope. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import attrs

from ck.kernel.api.container import Container, ContainerChange, ContainerSpec, HostConfig, MountRequest, Resources
from ck.kernel.config import Socket
from ck.kernel.engine.capabilities import DEFAULT
from ck.kernel.engine.mounts import parse_bind
from ck.kernel.engine.spec import MASKED_PATHS, READONLY_PATHS
from ck.kernel.errors import Forbidden

_NO_POWER = "this socket gives no power over the host"


def label_of(scope: Socket) -> tuple[str, str] | None:
    """The label that everything on it carries, None where it sees all."""
    if not scope.label:
        return None
    name, _, value = scope.label.partition("=")
    return name, value


def carries(scope: Socket, labels: Mapping[str, str]) -> bool:
    """Whether something with *labels* is to be seen."""
    label = label_of(scope)
    return label is None or (label[0] in labels and labels[label[0]] == label[1])


def labelled(scope: Socket, labels: Mapping[str, str]) -> Mapping[str, str]:
    """*labels* and that of the scope. Raises: Forbidden where they give it another value."""
    label = label_of(scope)
    if label is None:
        return labels
    name, value = label
    if labels.get(name, value) != value:
        raise Forbidden(f"what is made on this socket has the label {scope.label}, not {name}={labels[name]}")
    return {**labels, name: value}


def check_power(host: HostConfig) -> None:
    """Refuse what gives a container more than it has by default. Raises: Forbidden, naming the option."""
    for option in _powers(host):
        raise Forbidden(f"{option} is not allowed: {_NO_POWER}")


def check_reach(scope: Socket, container: Container) -> None:
    """Refuse to act in a container that has more power than what is made on *scope*. Raises: Forbidden."""
    surplus = next(_powers(container.host_config), "") if scope.unprivileged else ""
    allowed = scope.allowed_binds()
    if allowed is not None and not surplus:
        outside = (each.source for each in container.mounts if each.type == "bind" and not _top(allowed, each.source))
        surplus = next(outside, "")
    if surplus:
        raise Forbidden(too_powerful(container, surplus))


def too_powerful(container: Container, what: str) -> str:
    """Why one may not act in *container*."""
    return f"container {container.name} has more power than this socket gives: {what}"


def check_change(scope: Socket, change: ContainerChange) -> None:
    """Refuse an update that gives power. Raises: Forbidden."""
    if scope.unprivileged and change.resources.get("oom_kill_disable"):
        check_power(HostConfig(resources=Resources(oom_kill_disable=True)))


def _powers(host: HostConfig) -> Iterator[str]:
    if host.privileged:
        yield "--privileged"
    for name in host.cap_add:
        if f"CAP_{name.upper().removeprefix('CAP_')}" not in DEFAULT:
            yield f"--cap-add {name}"
    for device in host.devices:
        yield f"--device {device.path_on_host}"
    for name in host.cdi_devices:
        yield f"--device {name}"
    for rule in host.device_cgroup_rules:
        yield f"--device-cgroup-rule {rule!r}"
    modes = {
        "network": host.network_mode,
        "pid": host.pid_mode,
        "ipc": host.ipc_mode,
        "uts": host.uts_mode,
        "cgroupns": host.cgroupns_mode,
        "userns": host.userns_mode,
    }
    for name, mode in modes.items():
        if mode == "host":
            yield f"--{name} host"
    for option in host.security_opt:
        if not option.startswith("no-new-privileges") and option not in ("seccomp=builtin", "seccomp=default"):
            yield f"--security-opt {option.partition('=')[0]}"
    for paths, default in ((host.masked_paths, MASKED_PATHS), (host.readonly_paths, READONLY_PATHS)):
        if paths is not None and not set(default) <= set(paths):
            yield "other masked or read-only paths"
    if host.cgroup_parent:
        yield f"--cgroup-parent {host.cgroup_parent}"
    if host.oom_score_adj < 0:
        yield f"--oom-score-adj {host.oom_score_adj}"
    if host.resources.oom_kill_disable:
        yield "--oom-kill-disable"


def confine_binds(scope: Socket, host: HostConfig) -> HostConfig:
    """Let directories of the host be mounted from the scope's list only, and have what root makes there belong to who
    asks. Raises: Forbidden."""
    allowed = scope.allowed_binds()
    mounts = [*host.mounts]
    binds = []
    for text in host.binds:
        request = parse_bind(text, host.volume_driver).request
        if request.type == "bind":
            mounts.append(request)
        else:
            binds.append(text)
    confined = tuple(_confined(mount, allowed) for mount in mounts)
    return attrs.evolve(host, binds=tuple(binds), mounts=confined) if allowed is not None else host


def _confined(mount: MountRequest, allowed: tuple[str, ...] | None) -> MountRequest:
    if allowed is None:
        return mount
    for option in mount.volume_options:
        # A "volume" of these is any directory or device of the host.
        raise Forbidden(f"the volume option {option} is not allowed: {_NO_POWER}")
    if mount.type != "bind":
        return mount
    if not (top := _top(allowed, mount.source)):
        may = ", ".join(allowed) or "no directories"
        raise Forbidden(f"{mount.source} may not be mounted: this socket allows {may}")
    return attrs.evolve(mount, beneath=top, create_source=False, id_map=True, id_map_alone=True)


def _top(allowed: Sequence[str], path: str) -> str:
    """Which of the directories *allowed* holds *path*, "" for none."""
    source = PurePosixPath(path)
    return next((top for top in allowed if ".." not in source.parts and source.is_relative_to(top)), "")


def confine_spec(scope: Socket, spec: ContainerSpec) -> ContainerSpec:
    """The request as it may be carried out. Raises: Forbidden."""
    host = spec.host_config
    if scope.unprivileged:
        check_power(host)
    config = attrs.evolve(spec.config, labels=labelled(scope, spec.config.labels))
    return attrs.evolve(spec, config=config, host_config=confine_binds(scope, host))
