"""What happens when a container ends: the fact is recorded, its resources are freed, its policy decides what
follows."""

import logging
from datetime import datetime
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.restart import Exit, History, Restart
from ck.kernel.drivers.runtime import ExitStatus
from ck.kernel.engine.container_mounts import unmount_all
from ck.kernel.engine.container_network import leave, network_event
from ck.kernel.engine.container_remove import remove_container
from ck.kernel.engine.container_start import start
from ck.kernel.engine.context import Context, Run, now
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CkError
from ck.kernel.lifecycle import ACTIVE, Op, State, step
from ck.kernel.supervisor import supervise

log: Final = logging.getLogger(__name__)

_LOST: Final = 255  # the exit code of a run whose end nobody saw, as Docker gives it


class Exits:
    """Watches runs and deals with their ends."""

    def __init__(self, ctx: Context, volumes: Volumes) -> None:
        self._ctx, self._volumes = ctx, volumes

    def watch(self, container_id: str, run: Run) -> None:
        """Record the end of *run* whenever it comes, even if it has come already."""

        async def record(status: ExitStatus) -> None:
            run.output_ended.set()
            await self._ctx.actors.run(container_id, lambda: self._ended(container_id, run, status))

        self._ctx.nursery.start_soon(supervise, run.runtime, record)

    async def _ended(self, container_id: str, run: Run, status: ExitStatus) -> None:
        container = self._ctx.store.containers.get(container_id)
        if container is None or self._ctx.runs.get(container_id) is not run:
            return  # a forced removal was first
        # Each of these may be done again: the supervisor calls once more if one of them fails.
        if container.state.status in ACTIVE:
            container = await self.record(container, status)
        await run.runtime.delete()
        await leave(self._ctx, container)
        await unmount_all(self._ctx, container)
        del self._ctx.runs[container_id]
        run.ended.set()
        if container.host_config.auto_remove:
            await remove_container(self._ctx, self._volumes, container, anonymous_volumes=True)
            return
        await self.decide(container, status)

    async def record(self, container: Container, status: ExitStatus, *, cause: str = "exit") -> Container:
        """Commit that *container* has ended, and tell those who wait."""
        after = step(container.state.status, Op.EXIT)
        state = attrs.evolve(
            container.state,
            # With --rm the removal begins here: one commit for both.
            status=step(after, Op.REMOVE) if container.host_config.auto_remove else after,
            pid=0,
            exit_code=status.code,
            oom_killed=status.oom_killed,
            finished_at=status.at,
        )
        ended = attrs.evolve(container, state=state, endpoints={}, ports=())
        events = []
        if status.oom_killed:
            events.append(self._ctx.container_event(container, "oom", cause=cause))
        duration = int(_seconds(container, status.at))
        events.append(
            self._ctx.container_event(
                container, "die", cause=cause, exitCode=str(status.code), execDuration=str(duration)
            )
        )
        networks = self._ctx.memberships.of(container.id)
        events += [network_event(self._ctx, "disconnect", network, container) for network in networks]
        await self._ctx.save(ended, *events)
        self._ctx.waiters.exited(container.id, status)
        return ended

    async def record_lost(self, container: Container) -> Container:
        """The run of *container* is gone, and how it ended with it (a reboot, or someone cleared the run root)."""
        return await self.record(container, ExitStatus(code=_LOST, at=now()), cause="lost")

    async def decide(self, container: Container, status: ExitStatus) -> None:
        """Ask the restart policy; the container's actor calls this."""
        policy = container.host_config.restart_policy
        state = container.state
        decision = self._ctx.restart_policy(policy.name).decide(
            History(restarts=state.restarts_in_row, backoff=state.backoff),
            policy.maximum_retry_count,
            Exit(
                exit_status=status.code,
                ran_for=_seconds(container, status.at),
                oom_killed=status.oom_killed,
                stopped_by_user=state.stopped_by_user,
            ),
        )
        if isinstance(decision, Restart):
            await self.restart_later(container, decision)

    async def restart_later(self, container: Container, decision: Restart) -> None:
        state = attrs.evolve(
            container.state,
            status=step(container.state.status, Op.AWAIT_RESTART),
            restarts_in_row=decision.restarts,
            backoff=decision.after,
        )
        await self._ctx.save(attrs.evolve(container, state=state))
        self._ctx.nursery.start_soon(self.restart_after, container.id, decision.after)

    async def restart_after(self, container_id: str, seconds: float) -> None:
        """Sleep, then start the container if it still waits for that."""
        waiting = self._ctx.store.containers.get(container_id)
        await trio.sleep(seconds)
        # Told apart from a later wait for a restart by the count of restarts.
        await self._ctx.actors.run(container_id, lambda: self._restart(waiting))

    async def _restart(self, waiting: Container | None) -> None:
        current = self._ctx.store.containers.get(waiting.id) if waiting else None
        if current is None or waiting is None or current.state != waiting.state:
            return
        again = attrs.evolve(current, restart_count=current.restart_count + 1)
        try:
            run = await start(self._ctx, again, cause="restart policy")
        except CkError as error:
            log.warning("cannot restart container %s: %s", again.name, error)
            failed = self._ctx.store.containers.get(again.id)
            if failed is not None and failed.state.status is State.RESTARTING:
                state = attrs.evolve(failed.state, status=step(failed.state.status, Op.GIVE_UP))
                await self._ctx.save(attrs.evolve(failed, state=state))
                await self.decide(attrs.evolve(failed, state=state), ExitStatus(code=failed.state.exit_code, at=now()))
            return
        self.watch(again.id, run)


def _seconds(container: Container, end: datetime) -> float:
    begin = container.state.started_at
    return max(0.0, (end - begin).total_seconds()) if begin else 0.0
