"""`stop`, `kill`, `pause` and `unpause`.

None of them holds the container's actor while it waits for an end: the end itself is recorded by the actor.
"""

import signal
from typing import Final

import attrs
import trio

from ck.kernel.api.container import Container, Then
from ck.kernel.drivers.restart import Ending
from ck.kernel.engine.context import Context, Run
from ck.kernel.engine.signals import signal_number
from ck.kernel.errors import Conflict, Unavailable
from ck.kernel.events import Event
from ck.kernel.lifecycle import ACTIVE, Op, State, step

_MAKE_SECONDS: Final = 20.0
_KILL_SECONDS: Final = 10.0  # SIGKILL ends a container at once, unless a process is stuck in the kernel


async def stop(
    ctx: Context,
    container: Container,
    timeout: float | None,
    signal_name: str | None,
    *,
    ending: Ending = Ending.USER,
    then: Then = Then.NOTHING,
) -> bool:
    """Send the stop signal, wait *timeout* seconds (-1: for ever), then kill. Return False if it does not run.

    Raises: Conflict where even SIGKILL does not end it, naming the container.
    """
    number = signal_number(signal_name or container.config.stop_signal or "TERM")
    changed = await mark_ending(ctx, container.id, ending, then=then)
    # Only now it is certain where it stands: it may have ended, or been started again, this very moment.
    current, run = ctx.store.containers.get(container.id), ctx.runs.get(container.id)
    if current is None or run is None or current.state.status not in ACTIVE:
        return changed
    container = current
    configured = container.config.stop_timeout
    if timeout is None:
        timeout = configured if configured is not None else ctx.config.default.stop_timeout
    await ctx.store.commit([], [kill_event(ctx, container, number, ending)])
    await run.runtime.signal(number)
    if container.state.status is State.PAUSED:
        await run.runtime.resume()  # a frozen process cannot obey
    with trio.move_on_after(float("inf") if timeout < 0 else timeout):
        await run.ended.wait()
    if not run.ended.is_set():
        await ctx.store.commit([], [kill_event(ctx, container, signal.SIGKILL, ending)])
        await kill_all(run, container)
    stopped = ctx.store.containers.get(container.id)
    if stopped is not None:
        await ctx.store.commit([], [ctx.container_event(stopped, "stop", cause=ending.value)])
    return True


async def kill(ctx: Context, container: Container, signal_name: str | None) -> None:
    """Send a signal to the container's init; KILL goes to every process. Raises: Conflict where it does not run."""
    number = signal_number(signal_name or "KILL")
    run = ctx.run_of(container)
    if number in (signal.SIGKILL, signal_number(container.config.stop_signal or "TERM")):
        await mark_ending(ctx, container.id)
    await ctx.store.commit([], [kill_event(ctx, container, number)])
    if number != signal.SIGKILL:
        await run.runtime.signal(number)
        return
    await kill_all(run, container)


def kill_event(ctx: Context, container: Container, number: int, ending: Ending = Ending.USER) -> Event:
    """That signal *number* is sent to it, as Docker tells also of those that stop and rm -f send."""
    return ctx.container_event(container, "kill", cause=ending.value, signal=str(int(number)))


async def kill_all(run: Run, container: Container) -> None:
    """SIGKILL to every process, then wait for the end."""
    await run.runtime.kill()
    with trio.move_on_after(_KILL_SECONDS):
        await run.ended.wait()
    if not run.ended.is_set():
        raise Conflict(f"container {container.name} does not end: a process in it is stuck in the kernel")


async def pause(ctx: Context, container: Container) -> None:
    """Freeze every process. Raises: InvalidTransition."""
    paused = step(container.state.status, Op.PAUSE, container.name)
    run = ctx.run_of(container)
    state = attrs.evolve(container.state, status=paused)
    # An exec session that is frozen before its program runs would keep its client waiting for an answer.
    try:
        with trio.fail_after(_MAKE_SECONDS):
            async with run.sessions.close():
                await run.runtime.pause()
                await ctx.save(attrs.evolve(container, state=state), ctx.container_event(container, "pause"))
    except trio.TooSlowError as exc:
        raise Unavailable(f"container {container.name} could not be paused within {_MAKE_SECONDS:g} seconds") from exc


async def unpause(ctx: Context, container: Container) -> None:
    """Let every process go on. Raises: InvalidTransition."""
    running = step(container.state.status, Op.RESUME, container.name)
    run = ctx.run_of(container)
    await run.runtime.resume()
    state = attrs.evolve(container.state, status=running)
    await ctx.save(attrs.evolve(container, state=state), ctx.container_event(container, "unpause"))


async def mark_ending(
    ctx: Context, container_id: str, ending: Ending = Ending.USER, *, then: Then = Then.NOTHING
) -> bool:
    """Remember who ends it, so that its restart supervisor knows: before it ends, or while it waits for its next
    start, which it gives up; and what is to follow, whatever happens to the engine meanwhile. Return whether there was
    anything to end."""

    async def mark() -> bool:
        current = ctx.store.containers.get(container_id)
        if current is None or current.state.status not in (*ACTIVE, State.RESTARTING):
            return False
        stopped = attrs.evolve(current.state, ending=ending, then=then)
        if current.state.status is State.RESTARTING:
            counted = 0 if ending is Ending.USER else current.state.restarts_in_row
            state = attrs.evolve(
                stopped, status=step(State.RESTARTING, Op.GIVE_UP, current.name), restarts_in_row=counted
            )
            await ctx.save(attrs.evolve(current, state=state), ctx.container_event(current, "stop", cause=ending.value))
        elif stopped != current.state:
            await ctx.save(attrs.evolve(current, state=stopped))
        return True

    return await ctx.actors.run(container_id, mark)
