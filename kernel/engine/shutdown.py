"""Stops every container so that the engine, or the machine, can go down."""

import logging
from typing import Final

import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.restart import Ending
from ck.kernel.engine.container_stop import mark_ending, stop
from ck.kernel.engine.context import Context
from ck.kernel.engine.dependency_waits import dependents
from ck.kernel.errors import CkError
from ck.kernel.lifecycle import ACTIVE, State

log: Final = logging.getLogger(__name__)


async def stop_all(ctx: Context, timeout: float) -> None:
    """Stop what runs: a container after those that depend on it, else all at the same time.

    One deadline for all: what still runs *timeout* seconds from now is killed. What waits for a restart waits for the
    next engine instead.
    """
    containers = [each for each in ctx.store.containers if each.state.status in (*ACTIVE, State.RESTARTING)]
    ended = {container.id: trio.Event() for container in containers}
    before = dependents(ctx, containers)
    deadline = trio.current_time() + timeout

    async def end(container: Container) -> None:
        try:
            with trio.CancelScope(deadline=deadline):  # those before it may take all the time there is
                for other in before[container.id]:
                    await ended[other].wait()
            await _stop(ctx, container, deadline - trio.current_time())
        finally:
            ended[container.id].set()

    async with trio.open_nursery() as nursery:
        for container in containers:
            nursery.start_soon(end, container)


async def _stop(ctx: Context, container: Container, left: float) -> None:
    own = container.config.stop_timeout
    seconds = own if own is not None and own >= 0 else ctx.config.default.stop_timeout
    try:
        if container.state.status is State.RESTARTING:
            await mark_ending(ctx, container.id, Ending.SHUTDOWN)
        else:
            await stop(ctx, container, max(0.0, min(seconds, left)), None, ending=Ending.SHUTDOWN)
    except CkError as error:
        log.error("cannot stop container %s: %s", container.name, error)
