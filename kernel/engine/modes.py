"""Namespace modes: `--network`, `--pid`, `--ipc`, `--uts`, `--cgroupns`.

What they mean, and which do not go together.
"""

import os
from typing import Final

import attrs

from ck.kernel.api.container import Container
from ck.kernel.drivers.network import Sandbox
from ck.kernel.engine.context import Context
from ck.kernel.engine.names import container_of
from ck.kernel.engine.network_records import sandbox_of
from ck.kernel.engine.users import joined
from ck.kernel.errors import Conflict, InvalidArgument

_IPC: Final = frozenset({"", "none", "private", "shareable", "host"})


@attrs.frozen(kw_only=True)
class Namespaces:
    """As spec.Facts wants them: "" new, "host", or a path; and the root of the container whose IPC is shared."""

    network: str = ""
    own_network: bool = True
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    user: str = ""  # "" is the host's
    ipc_root: str = ""


def check_modes(ctx: Context, container: Container) -> None:
    """Refuse modes that cannot be.

    Raises: InvalidArgument for a mode that is none or for two that contradict; NotFound for a network or container.
    """
    host = container.host_config
    if host.ipc_mode not in _IPC and not container_of(host.ipc_mode):
        raise InvalidArgument(f"invalid IPC mode {host.ipc_mode!r}")
    if host.pid_mode not in ("", "host") and not container_of(host.pid_mode):
        raise InvalidArgument(f"invalid PID mode {host.pid_mode!r}")
    if host.uts_mode not in ("", "host"):
        raise InvalidArgument(f"invalid UTS mode {host.uts_mode!r}")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise InvalidArgument(f"invalid cgroup namespace mode {host.cgroupns_mode!r}")
    hostname = container.config.hostname
    if host.uts_mode == "host" and hostname != ctx.host_name:
        raise InvalidArgument(f"conflicting options: hostname {hostname!r} and the UTS mode 'host'")
    if (other := container_of(host.network_mode)) is not None and hostname != ctx.find_container(other).config.hostname:
        raise InvalidArgument(f"conflicting options: hostname {hostname!r} and the network mode {host.network_mode!r}")
    if (other := container_of(host.pid_mode)) is not None:
        ctx.find_container(other)
    if (other := container_of(host.ipc_mode)) is not None:
        target = ctx.find_container(other)
        if target.host_config.ipc_mode not in ("shareable", "host"):
            raise Conflict(f"the IPC namespace of container {target.name!r} is private: run it with --ipc shareable")
    if container_of(host.network_mode):
        if host.port_bindings or host.publish_all_ports:
            raise InvalidArgument("conflicting options: port publishing and the container type network mode")
        if host.dns or host.extra_hosts:
            raise InvalidArgument("conflicting options: --dns and --add-host with the container type network mode")


def resolve_namespaces(
    ctx: Context, container: Container, network_fd: int | None = None, user_fd: int | None = None
) -> Namespaces:
    """What the modes mean now; *network_fd* and *user_fd* are the namespaces that were made for it, if any.

    Raises: Conflict where a container whose namespace is to be joined does not run."""
    host = container.host_config
    ipc_other = container_of(host.ipc_mode)
    shares_network = container_of(host.network_mode)
    network = _held(network_fd)
    user = _held(user_fd)
    if container.users is not None and user_fd is None:
        user = _path(ctx, joined(host)[0], "user")
    if shares_network:
        network = _path(ctx, shares_network, "net")
    elif sandbox_of(ctx, container) is Sandbox.HOST:
        network = "host"
    pid_other = container_of(host.pid_mode)
    return Namespaces(
        network=network,
        own_network=network_fd is not None or network == "",
        pid=_path(ctx, pid_other, "pid") if pid_other else host.pid_mode,
        ipc=_path(ctx, ipc_other, "ipc") if ipc_other else ("host" if host.ipc_mode == "host" else ""),
        uts="host" if host.uts_mode == "host" else "",
        user=user,
        ipc_root=_root(ctx, ipc_other) if ipc_other else ("/" if host.ipc_mode == "host" else ""),
    )


def _held(fd: int | None) -> str:
    return f"/proc/{os.getpid()}/fd/{fd}" if fd is not None else ""


def _path(ctx: Context, ref: str, kind: str) -> str:
    return f"/proc/{_pid(ctx, ref)}/ns/{kind}"


def _root(ctx: Context, ref: str) -> str:
    return f"/proc/{_pid(ctx, ref)}/root"


def _pid(ctx: Context, ref: str) -> int:
    target = ctx.find_container(ref)
    run = ctx.runs.get(target.id)
    if run is None or run.output_ended.is_set():
        raise Conflict(f"cannot join a namespace of container {target.name!r}: it is not running")
    return run.runtime.pid
