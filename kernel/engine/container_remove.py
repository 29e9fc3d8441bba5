"""`rm`: everything that a container has goes, its record last."""

import logging
from typing import Final

import attrs

from ck.kernel.api.container import Container
from ck.kernel.drivers.runtime import ExitStatus
from ck.kernel.engine.container_mounts import unmount_all
from ck.kernel.engine.container_network import leave
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.files import delete_directory
from ck.kernel.engine.image_use import note_use
from ck.kernel.engine.together import together
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CkError
from ck.kernel.lifecycle import Op, State, step
from ck.kernel.store_records import Delete

log: Final = logging.getLogger(__name__)


async def remove_container(
    ctx: Context, volumes: Volumes, container: Container, *, anonymous_volumes: bool, cause: str = "user"
) -> None:
    """Remove a container that has no processes; its actor calls this. Every step may be done again after a crash.

    Whoever waits for the removal is told once nothing finds the container any more; returns once its space is free.
    Raises: what a driver raises; the container is then dead and can be removed again.
    """
    removing = attrs.evolve(
        container, state=attrs.evolve(container.state, status=step(container.state.status, Op.REMOVE, container.name))
    )
    if container.state.status is not State.REMOVING:
        await ctx.save(removing)
    try:
        ctx.attachments.close(container.id)
        await leave(ctx, container)
        await unmount_all(ctx, container)
        await ctx.storage.remove(container.id)
    except CkError as error:
        state = attrs.evolve(
            removing.state,
            status=step(State.REMOVING, Op.FAIL_REMOVAL, container.name),
            error=f"cannot be removed: {error}",
        )
        await ctx.save(attrs.evolve(removing, state=state))
        raise
    destroyed = ctx.container_event(container, "destroy", cause=cause)
    left = volumes.left_by(container, removed=anonymous_volumes)
    await ctx.store.commit([Delete("container", container.id), *left], [destroyed])
    note_use(ctx, container.image_id)
    if anonymous_volumes:
        await volumes.forget([point.name for point in container.mounts if point.anonymous])
    status = ExitStatus(code=container.state.exit_code, at=container.state.finished_at or now())
    ctx.waiters.removed(container.id, status)
    try:
        await together(
            lambda: ctx.storage.purge(container.id),
            lambda: delete_directory(ctx.container_directory(container.id)),
        )
    except (CkError, OSError) as error:
        log.warning("what container %s has left on disk is deleted at the next start: %s", container.name, error)


async def drop_root(ctx: Context, container_id: str) -> None:
    """Remove the root of a container that has no record."""
    await ctx.storage.remove(container_id)
    await ctx.storage.purge(container_id)
