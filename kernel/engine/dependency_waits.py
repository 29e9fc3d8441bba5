"""Brings about what a container depends on, before it starts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import trio

from ck.kernel.api.container import Container
from ck.kernel.engine.context import Context
from ck.kernel.engine.dependencies import Condition, Dependency, Verdict, find_cycle, judge, parse_dependency
from ck.kernel.engine.together import together
from ck.kernel.errors import Conflict, InvalidArgument, NotFound, Unavailable

Start = Callable[[str], Awaitable[object]]
"""Starts a container, and first what that depends on."""


async def meet_dependencies(ctx: Context, container: Container, start: Start) -> None:
    """Start what *container* depends on, all at once, and wait until each is as it has to be. Outside its actor: it can
    be stopped and removed meanwhile.

    Raises: Conflict where one cannot be met, Unavailable where that takes too long; both name it.
    """
    needs = [parse_dependency(text) for text in container.host_config.depends_on]
    if not needs:
        return
    seconds = ctx.config.default.dependency_timeout
    waiting = {need.ref for need in needs}

    async def meet(need: Dependency) -> None:
        await _meet(ctx, container, need, start)
        waiting.discard(need.ref)

    with trio.move_on_after(seconds):
        await together(*(lambda need=need: meet(need) for need in needs))
        return
    raise Unavailable(f"container {container.name} waited {seconds:g} s for {', '.join(sorted(waiting))}")


async def _meet(ctx: Context, container: Container, need: Dependency, start: Start) -> None:
    started = False
    while True:
        newest = ctx.bus.newest  # before the look: what changes after it is an event after this one
        try:
            target = ctx.find_container(need.ref)
        except NotFound:
            raise Conflict(f"container {container.name} depends on {need.ref}, which does not exist") from None
        verdict = judge(need.condition, target)
        if verdict is Verdict.MET:
            return
        if verdict is Verdict.FAILED or (verdict is Verdict.START and started):
            raise Conflict(f"container {container.name} depends on {target.name}, which {_trouble(need, target)}")
        if verdict is Verdict.START:
            started = True
            await start(target.id)
            continue
        await _next_change(ctx, target.id, newest)


def _trouble(need: Dependency, target: Container) -> str:
    state = target.state
    if need.condition is Condition.HEALTHY and state.health is not None:
        return "is unhealthy" if state.pid else f"ended with exit code {state.exit_code}"
    if need.condition is Condition.HEALTHY:
        return "has no health check"
    return f"ended with exit code {state.exit_code}"


async def _next_change(ctx: Context, container_id: str, after: int) -> None:
    async with aclosing(ctx.bus.subscribe(ctx.store.journal, after=after)) as events:
        async for recorded in events:
            if recorded.event.subject == container_id:
                return


def check_dependencies(ctx: Context, container: Container, name: str) -> None:
    """Whether *container*, called *name*, may be. What it depends on need not exist yet, only when it is started.

    Raises: InvalidArgument for a malformed dependency and for a cycle, which it prints.
    """
    needs = {other.name: _names(ctx, other) for other in ctx.store.containers if other.id != container.id}
    needs[name] = _names(ctx, container)
    cycle = find_cycle(name, needs)
    if cycle:
        raise InvalidArgument(f"dependency cycle: {' -> '.join(cycle)}")


def dependents(ctx: Context, containers: Sequence[Container]) -> Mapping[str, Sequence[str]]:
    """For the ID of each of *containers*, the IDs of those among them that depend on it."""
    by_name = {container.name: container.id for container in containers}
    found: dict[str, list[str]] = {container.id: [] for container in containers}
    for container in containers:
        for name in _names(ctx, container):
            if name in by_name:
                found[by_name[name]].append(container.id)
    return found


def _names(ctx: Context, container: Container) -> list[str]:
    """What it depends on, by the name that each has now, or as it was written where there is nothing of that name."""
    names = []
    for text in container.host_config.depends_on:
        ref = parse_dependency(text).ref
        try:
            names.append(ctx.find_container(ref).name)
        except (NotFound, Conflict):
            names.append(ref)
    return names
