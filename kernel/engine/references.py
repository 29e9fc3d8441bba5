"""Whom the modes of a request mean, said so that no rename changes it."""

import attrs

from ck.kernel.api.container import HostConfig
from ck.kernel.engine.context import Context
from ck.kernel.engine.names import container_of
from ck.kernel.engine.network_records import find_network


def settle_modes(ctx: Context, host: HostConfig) -> HostConfig:
    """Containers by their ID and the network by its name. Raises: NotFound, Conflict."""
    return attrs.evolve(
        host,
        network_mode=settle_network(ctx, host.network_mode),
        pid_mode=_settle(ctx, host.pid_mode),
        ipc_mode=_settle(ctx, host.ipc_mode),
    )


def settle_network(ctx: Context, mode: str) -> str:
    """Of a network mode. Raises: NotFound, Conflict."""
    return _settle(ctx, mode) if container_of(mode) is not None else find_network(ctx, mode).name


def _settle(ctx: Context, mode: str) -> str:
    other = container_of(mode)
    return mode if other is None else f"container:{ctx.find_container(other).id}"
