"""What follows an end: a container's restart supervisor decides, and the engine waits and starts."""

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.drivers.restart import Exit, History, OnUnhealthy, Restart, Stop, Terms
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.dependency_waits import Start, meet_dependencies
from ck.kernel.errors import CkError, InvalidArgument
from ck.kernel.lifecycle import Op, State, step

log: Final = logging.getLogger(__name__)

_NOT_STARTED: Final = 125  # the exit code of a start that failed in the engine, as Docker gives it

Launch = Callable[[Container, str], Awaitable[None]]
"""Starts a container, for a cause, and has its end watched."""


class Restarts:
    """Asks supervisors and does what they say."""

    def __init__(self, ctx: Context, launch: Launch, start: Start) -> None:
        self._ctx, self._launch, self._start = ctx, launch, start

    async def after_end(self, container: Container) -> None:
        """Decide on a container that has just ended; its actor calls this."""
        await self._obey(container, decision_on(self._ctx, container))

    async def after_return(self, container: Container) -> None:
        """Decide on a container that ended before the engine came back; its actor calls this."""
        await self._obey(container, decision_on(self._ctx, container, engine_returned=True))

    async def _obey(self, container: Container, decision: Restart | Stop) -> None:
        if isinstance(decision, Restart):
            await self._later(container, decision)

    def go_on_waiting(self, container: Container) -> None:
        """For one that waits for its restart, by the word of an engine that is gone."""
        self._ctx.spawn(self._start_after, container, container.state.restart_wait)

    async def _later(self, container: Container, decision: Restart) -> None:
        state = attrs.evolve(
            container.state,
            status=step(container.state.status, Op.AWAIT_RESTART, container.name),
            restarts_in_row=decision.restarts,
            backoff=decision.backoff,
            restart_wait=decision.after,
        )
        waiting = await self._ctx.save(attrs.evolve(container, state=state))
        self.go_on_waiting(waiting)

    async def _start_after(self, waiting: Container, seconds: float) -> None:
        """Sleep, then start the container if it still waits for that."""
        await trio.sleep(seconds)
        await self._ctx.recovered.wait()  # else the states that dependencies are judged by may be those before a crash
        try:
            await meet_dependencies(self._ctx, waiting, self._start)
        except CkError as error:
            failure = error
            await self._ctx.actors.run(waiting.id, lambda: self._failed(waiting, failure))
            return
        # A later wait is told apart by its count of restarts, which is part of the state.
        await self._ctx.actors.run(waiting.id, lambda: self._restart(waiting))

    async def _restart(self, waiting: Container) -> None:
        current = self._ctx.store.containers.get(waiting.id)
        if current is None or current.state != waiting.state:
            return
        again = attrs.evolve(current, restart_count=current.restart_count + 1)
        try:
            await self._launch(again, "restart policy")
        except CkError as error:
            failed = self._ctx.store.containers.get(again.id)
            if failed is not None:
                await self._give_up(failed, error)

    async def _failed(self, waiting: Container, error: CkError) -> None:
        """What it depends on failed it."""
        current = self._ctx.store.containers.get(waiting.id)
        if current is not None and current.state == waiting.state:
            state = attrs.evolve(current.state, error=str(error), exit_code=_NOT_STARTED)
            await self._give_up(attrs.evolve(current, state=state), error)

    async def _give_up(self, container: Container, error: CkError) -> None:
        """Whether to try again is decided anew: a start that failed counts as a run of no length."""
        log.warning("cannot restart container %s: %s", container.name, error)
        if container.state.status is State.RESTARTING:
            state = attrs.evolve(container.state, status=step(State.RESTARTING, Op.GIVE_UP, container.name))
            failed = await self._ctx.save(attrs.evolve(container, state=state))
            await self._obey(failed, decision_on(self._ctx, failed, ran=0.0))


def decision_on(
    ctx: Context, container: Container, *, ran: float | None = None, engine_returned: bool = False
) -> Restart | Stop:
    """What the supervisor of *container*, which has ended, says; *ran* in seconds where its times do not tell."""
    policy, state = container.host_config.restart_policy, container.state
    return ctx.restart_policy(policy.name).decide(
        History(restarts=state.restarts_in_row, backoff=state.backoff, engine_returned=engine_returned),
        terms_of(container),
        Exit(
            exit_status=state.exit_code,
            ran_for=ran_for(container, state.finished_at or now()) if ran is None else ran,
            oom_killed=state.oom_killed,
            ending=state.ending,
        ),
        random.random(),
    )


def decision_words(ctx: Context, container: Container) -> str:
    """The same as a sentence, for a container that is not running."""
    policy, state = container.host_config.restart_policy, container.state
    maximum = f":{policy.maximum_retry_count}" if policy.maximum_retry_count else ""
    name = f"The restart policy {policy.name + maximum!r}"
    if state.status is State.RESTARTING:
        return f"{name} starts it again {state.restart_wait:g} s after its end."
    stays = isinstance(decision_on(ctx, container), Stop)
    retries = f" after {state.restarts_in_row} restarts" if state.restarts_in_row else ""
    return f"{name} leaves it as it is{retries}." if stays else ""


def check_restart_policy(ctx: Context, container: Container) -> None:
    """Raises: InvalidArgument for a policy that cannot be."""
    policy = container.host_config.restart_policy
    if container.host_config.auto_remove and (policy.name != "no" or policy.on_unhealthy is OnUnhealthy.RESTART):
        raise InvalidArgument("conflicting options: can't set 'AutoRemove' and 'RestartPolicy' for a container")
    ctx.restart_policy(policy.name).check(terms_of(container))


def terms_of(container: Container) -> Terms:
    """What its request asks of its supervisor."""
    policy = container.host_config.restart_policy
    return Terms(maximum_retries=policy.maximum_retry_count, on_unhealthy=policy.on_unhealthy, backoff=policy.backoff)


def ran_for(container: Container, end: datetime) -> float:
    """Seconds from its last start to *end*."""
    begin = container.state.started_at
    return max(0.0, (end - begin).total_seconds()) if begin else 0.0
