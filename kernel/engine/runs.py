"""What happens when a container ends: the fact is recorded, its resources are freed, its supervisor decides what
follows."""

import logging
from functools import partial
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container, Then
from ck.kernel.drivers.restart import Ending, OnUnhealthy
from ck.kernel.drivers.runtime import ExitStatus
from ck.kernel.engine.container_mounts import unmount_all
from ck.kernel.engine.container_network import leave, network_event
from ck.kernel.engine.container_remove import remove_container
from ck.kernel.engine.container_start import start
from ck.kernel.engine.container_stop import stop
from ck.kernel.engine.context import Context, Run, now
from ck.kernel.engine.health import HealthChecks
from ck.kernel.engine.restarts import Restarts, ran_for
from ck.kernel.engine.starts import Starts
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CkError
from ck.kernel.events import USER
from ck.kernel.lifecycle import ACTIVE, Op, State, step
from ck.kernel.supervisor import supervise

log: Final = logging.getLogger(__name__)

_LOST: Final = 255  # the exit code of a run whose end nobody saw, as Docker gives it


class Runs:
    """Begins runs, watches them and deals with their ends."""

    def __init__(self, ctx: Context, volumes: Volumes) -> None:
        self._ctx, self._volumes = ctx, volumes
        self.starts = Starts(ctx, volumes, self.launch)
        self.restarts = Restarts(ctx, self.launch, self.starts.start)
        self._health = HealthChecks(ctx, self._act_on_unhealthy)

    async def launch(self, container: Container, cause: str = USER) -> None:
        """Start *container* and watch it; its actor calls this. Raises: as `start` does."""
        self.watch(container.id, await start(self._ctx, container, cause=cause))

    def watch(self, container_id: str, run: Run) -> None:
        """Record the end of *run* whenever it comes, even if it has come already, and check its health until then."""

        async def record(status: ExitStatus) -> None:
            run.output_ended.set()
            await self._ctx.actors.run(container_id, lambda: self._ended(container_id, run, status))

        self._ctx.spawn(supervise, run.runtime, record)
        self._ctx.spawn(self._tell_of_oom, container_id, run)
        self._health.begin(container_id, run)

    async def _tell_of_oom(self, container_id: str, run: Run) -> None:
        """An event for each time that the kernel kills a process of the container for want of memory, until it ends."""

        async def tell(limit: str) -> None:
            container = self._ctx.store.containers.get(container_id)
            if container is None or self._ctx.runs.get(container_id) is not run or container.state.status not in ACTIVE:
                return
            state = attrs.evolve(container.state, oom_killed=True, oom_limit=limit)
            told = self._ctx.container_event(container, "oom", cause="kernel", limit=limit)
            await self._ctx.save(attrs.evolve(container, state=state), told)

        # An engine before has told of what an adopted run knows at once.
        known = self._ctx.find_container(container_id).state.oom_killed

        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                if known:
                    await run.runtime.wait_oom()
                while True:
                    limit = await run.runtime.wait_oom()
                    await self._ctx.actors.run(container_id, partial(tell, limit))

            nursery.start_soon(watch)
            await run.output_ended.wait()
            nursery.cancel_scope.cancel()

    async def _ended(self, container_id: str, run: Run, status: ExitStatus) -> None:
        container = self._ctx.store.containers.get(container_id)
        if container is None or self._ctx.runs.get(container_id) is not run:
            return  # a forced removal was first
        self._health.end(container_id)
        # Each of these may be done again: the supervisor calls once more if one of them fails.
        if container.state.status in ACTIVE:
            container = await self.record(container, status)
        await run.runtime.delete()
        await leave(self._ctx, container)
        await unmount_all(self._ctx, container)
        del self._ctx.runs[container_id]
        run.ended.set()
        await self.follow(container)

    async def follow(self, container: Container) -> None:
        """What is to come after an end that is recorded; its actor calls this."""
        if container.state.status is State.REMOVING:
            volumes = container.host_config.auto_remove or container.state.then is Then.REMOVE_VOLUMES
            await remove_container(self._ctx, self._volumes, container, anonymous_volumes=volumes)
        elif container.state.then is not Then.RESTART:
            await self.restarts.after_end(container)
        elif container.id not in self._ctx.restarted.held():
            await self.finish_restart(container)  # the engine of that verb is gone

    async def finish_restart(self, container: Container) -> None:
        """Start a container that a verb has stopped in order to; its actor calls this."""
        try:
            await self.launch(container, "restart")
        except CkError as error:
            log.error("cannot start container %s again: %s", container.name, error)

    async def _act_on_unhealthy(self, container: Container) -> None:
        if container.host_config.restart_policy.on_unhealthy is OnUnhealthy.NONE:
            return
        try:
            await stop(self._ctx, container, None, None, ending=Ending.UNHEALTHY)
        except CkError as error:
            log.error("cannot stop the unhealthy container %s: %s", container.name, error)

    async def record(self, container: Container, status: ExitStatus, *, cause: str = "exit") -> Container:
        """Commit that *container* has ended, and tell those who wait."""
        after = step(container.state.status, Op.EXIT, container.name)
        if _goes(container):
            after = step(after, Op.REMOVE, container.name)  # the removal begins here: one commit for both
        state = attrs.evolve(
            container.state,
            status=after,
            pid=0,
            exit_code=status.code,
            signal=status.signal,
            oom_killed=status.oom_killed,
            oom_limit=status.oom_limit,
            limits_pending=False,
            finished_at=status.at,
        )
        ended = attrs.evolve(container, state=state, endpoints={}, ports=())
        events = []
        if status.oom_killed and not container.state.oom_killed:  # else it was told at once
            events.append(self._ctx.container_event(container, "oom", cause=cause))
        told = {"exitCode": str(status.code), "execDuration": str(int(ran_for(container, status.at)))}
        if status.signal:
            told["signal"] = str(status.signal)
        events.append(self._ctx.container_event(container, "die", cause=cause, **told))
        networks = self._ctx.memberships.of(container.id)
        events += [network_event(self._ctx, "disconnect", network, container) for network in networks]
        await self._ctx.save(ended, *events)
        self._ctx.waiters.exited(container.id, status)
        return ended

    async def record_lost(self, container: Container) -> Container:
        """The run of *container* is gone, and how it ended with it (a reboot, or someone cleared the run root)."""
        state = attrs.evolve(container.state, ending=Ending.LOST)
        lost = ExitStatus(code=_LOST, at=now())
        return await self.record(attrs.evolve(container, state=state), lost, cause="lost")


def _goes(container: Container) -> bool:
    """Whether it is removed when it ends: by --rm, or by an `rm -f` that has begun."""
    return container.host_config.auto_remove or container.state.then in (Then.REMOVE, Then.REMOVE_VOLUMES)
