"""Health checks: one task for each running container that has one. What probes find is kept in memory; the record and
an event are written when the status changes."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container, Health, HealthRecord, HealthStatus
from ck.kernel.drivers.probe import ProbeResult
from ck.kernel.engine.context import Context, Run, now
from ck.kernel.engine.health_rules import Check, check_of, judge, on_the_beat, wait_before_next
from ck.kernel.engine.probe_target import Target
from ck.kernel.errors import CkError
from ck.kernel.lifecycle import State

log: Final = logging.getLogger(__name__)

_OUTPUT_CHARACTERS: Final = 4096
_FAILED: Final = -1  # the exit code of a probe that gave none

Act = Callable[[Container], Awaitable[None]]
"""Does what was asked for a container that became unhealthy."""


class HealthChecks:
    """Begins and ends with the runs of containers."""

    def __init__(self, ctx: Context, act: Act) -> None:
        self._ctx, self._act = ctx, act
        self._watches: dict[str, trio.CancelScope] = {}

    def begin(self, container_id: str, run: Run) -> None:
        """Probe a container from now on, if it has a check; one that ran already keeps the health it had."""
        container = self._ctx.find_container(container_id)
        check = check_of(container.config.healthcheck)
        if check is None:
            return
        scope = self._watches[container_id] = trio.CancelScope()
        health = self._ctx.healths[container_id] = container.state.health or Health()
        self._ctx.spawn(self._watch, container_id, run, check, health, scope)

    def end(self, container_id: str) -> None:
        """The run is over."""
        scope = self._watches.pop(container_id, None)
        if scope is not None:
            scope.cancel()
            self._ctx.healths.pop(container_id, None)

    async def _watch(self, container_id: str, run: Run, check: Check, health: Health, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                wait = wait_before_next(check, health, self._age(container_id))
                await trio.sleep_until(on_the_beat(trio.current_time() + wait, wait))
                container = self._ctx.store.containers.get(container_id)
                if container is None or container.state.status is not State.RUNNING:
                    continue  # a paused one can answer nothing
                age = self._age(container_id)
                record = await self._probe(container, run, check)
                if scope.cancel_called:
                    return  # the end came while a result was already there
                health = await self._take(container_id, health, judge(check, health, record, age))

    async def _probe(self, container: Container, run: Run, check: Check) -> HealthRecord:
        begin = now()
        result = ProbeResult(_FAILED, f"Health check exceeded timeout ({check.timeout:g}s)")
        with trio.move_on_after(check.timeout):
            try:
                probe = self._ctx.probe(check.test[0])
                result = await probe.probe(Target(self._ctx, container, run), check.test[1:])
            except CkError as error:
                result = ProbeResult(_FAILED, str(error))
        output = result.output[:_OUTPUT_CHARACTERS]
        return HealthRecord(start=begin, end=now(), exit_code=result.exit_code, output=output)

    async def _take(self, container_id: str, before: Health, health: Health) -> Health:
        self._ctx.healths[container_id] = health
        if health.status is before.status:
            return health
        try:
            saved = await self._ctx.actors.run(container_id, lambda: self._save(container_id, health))
        except CkError as error:  # a full disk passes: the change is seen again at the next probe
            log.warning("cannot record the health of container %s: %s", container_id[:12], error)
            return attrs.evolve(health, status=before.status)
        if saved is not None and health.status is HealthStatus.UNHEALTHY:
            # Its end ends this task, so it is for another to bring it about.
            self._ctx.spawn(self._act, saved)
        return health

    async def _save(self, container_id: str, health: Health) -> Container | None:
        container = self._ctx.store.containers.get(container_id)
        if container is None or container.state.status is not State.RUNNING:
            return None
        event = self._ctx.container_event(container, f"health_status: {health.status.value}", cause="health check")
        state = attrs.evolve(container.state, health=health)
        return await self._ctx.save(attrs.evolve(container, state=state), event)

    def _age(self, container_id: str) -> float:
        container = self._ctx.store.containers.get(container_id)
        started = container.state.started_at if container else None
        return (now() - started).total_seconds() if started else 0.0
