"""`update`: other limits and another restart policy, also for a container that runs."""

from typing import Any

import attrs
import trio

from ck.kernel.api.container import Container, ContainerChange, HostConfig
from ck.kernel.drivers.runtime import RuntimeContainer
from ck.kernel.engine.context import Context
from ck.kernel.engine.devices import find_rates
from ck.kernel.engine.limits import check_limits, difference, resources_object, updated, with_swap
from ck.kernel.engine.restarts import check_restart_policy
from ck.kernel.errors import CkError, Conflict, InvalidArgument
from ck.kernel.lifecycle import ACTIVE, State


async def update(ctx: Context, container: Container, change: ContainerChange) -> tuple[str, ...]:
    """Change *container*, all or nothing; its actor calls this. Return warnings.

    Raises: InvalidArgument; Conflict for what the container takes already, or one that is going.
    """
    if container.state.status in (State.REMOVING, State.DEAD):
        raise Conflict(f"container {container.name!r} is {container.state.status.value}: it cannot be updated")
    before = container.host_config
    after = attrs.evolve(before, resources=with_swap(updated(before.resources, change.resources)))
    if change.restart_policy is not None:
        if before.auto_remove:
            raise InvalidArgument(
                f"the restart policy of container {container.name!r} cannot be updated: it is removed when it stops"
            )
        after = attrs.evolve(after, restart_policy=change.restart_policy)
    warnings = check_limits(after.resources, ctx.hardware)
    limits = await _limits(after)
    warnings += await ctx.runtime.check(limits)
    changed = attrs.evolve(container, host_config=after)
    check_restart_policy(ctx, changed)
    run = ctx.runs.get(container.id)
    if run is not None and container.state.status in ACTIVE:
        pending = attrs.evolve(changed, state=attrs.evolve(container.state, limits_pending=True))
        await ctx.save(pending)
        try:
            await run.runtime.update(difference(await _limits(before), limits))
        except CkError:
            await ctx.save(container)
            raise
    await ctx.save(changed, ctx.container_event(changed, "update"))
    return tuple(warnings)


async def finish_update(ctx: Context, container: Container, runtime: RuntimeContainer) -> None:
    """Put in force what an engine before has recorded and perhaps not done; its actor calls this. Raises: CkError."""
    await runtime.update(await _limits(container.host_config))
    done = attrs.evolve(container, state=attrs.evolve(container.state, limits_pending=False))
    await ctx.save(done, ctx.container_event(done, "update", cause="recovery"))


async def _limits(host: HostConfig) -> dict[str, Any]:
    rates = await trio.to_thread.run_sync(find_rates, host.resources)
    return resources_object(host, (), rates)
