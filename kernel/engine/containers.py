"""The noun `container`: each verb finds its container, queues where it must, and hands on to the file of the verb."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from signal import SIGKILL
from typing import BinaryIO, Final, TypeVar

import attrs

from ck.kernel.api.container import (
    Container,
    ContainerChange,
    ContainerSpec,
    Created,
    PathStat,
    Processes,
    Pruned,
    Then,
)
from ck.kernel.api.engine import LogBatch
from ck.kernel.api.why import Why
from ck.kernel.drivers.log import LogQuery
from ck.kernel.drivers.registry import Platform
from ck.kernel.drivers.runtime import AttachRequest, ExitStatus, TerminalSize
from ck.kernel.drivers.storage import Change
from ck.kernel.engine import container_info, names
from ck.kernel.engine.changes import own_changes
from ck.kernel.engine.container_attach import attach, check_attachable
from ck.kernel.engine.container_create import create
from ck.kernel.engine.container_files import Files
from ck.kernel.engine.container_remove import remove_container
from ck.kernel.engine.container_stop import kill, kill_all, kill_event, mark_ending, pause, stop, unpause
from ck.kernel.engine.container_update import update
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.dependency_waits import check_dependencies
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.restarts import decision_words
from ck.kernel.engine.runs import Runs
from ck.kernel.engine.volumes import Volumes
from ck.kernel.engine.waiters import Waiter
from ck.kernel.engine.why import explain
from ck.kernel.errors import Conflict, InvalidArgument, NotFound
from ck.kernel.lifecycle import ACTIVE, State

T = TypeVar("T")

_REMOVALS: Final = 5  # attempts: somebody else may start what we have just killed
_TOLD: Final = 200  # events of which `why` tells: most of them are exec sessions


class Containers:
    """ck.kernel.api.engine.Containers."""

    def __init__(self, ctx: Context, volumes: Volumes, runs: Runs) -> None:
        self._ctx, self._volumes, self._runs = ctx, volumes, runs

    async def create(self, spec: ContainerSpec, name: str | None, platform: Platform | None = None) -> Created:
        return await create(self._ctx, self._volumes, spec, name, platform)

    async def get(self, ref: str) -> Container:
        container = self._ctx.find_container(ref)
        health = self._ctx.healths.get(container.id)
        if health is None:
            return container
        return attrs.evolve(container, state=attrs.evolve(container.state, health=health))

    async def list(self) -> Sequence[Container]:
        return sorted(self._ctx.store.containers, key=lambda container: container.created, reverse=True)

    async def start(self, ref: str, detach_keys: bytes | None = None) -> bool:
        return await self._runs.starts.start(ref)

    async def stop(self, ref: str, timeout: int | None = None, signal: str | None = None) -> bool:
        return await stop(self._ctx, self._ctx.find_container(ref), timeout, signal)

    async def restart(self, ref: str, timeout: int | None = None, signal: str | None = None) -> None:
        container = self._ctx.find_container(ref)
        if container.host_config.auto_remove:
            raise Conflict(f"container {container.name} is removed when it stops: it cannot be restarted")
        with self._ctx.restarted.hold([container.id]):
            await stop(self._ctx, container, timeout, signal, then=Then.RESTART)
            await self.start(container.id)
        started = self._ctx.find_container(container.id)
        await self._ctx.store.commit([], [self._ctx.container_event(started, "restart")])

    async def kill(self, ref: str, signal: str | None = None) -> None:
        await kill(self._ctx, self._ctx.find_container(ref), signal)

    async def pause(self, ref: str) -> None:
        await self._as_actor(ref, lambda container: pause(self._ctx, container))

    async def unpause(self, ref: str) -> None:
        await self._as_actor(ref, lambda container: unpause(self._ctx, container))

    async def update(self, ref: str, change: ContainerChange) -> Sequence[str]:
        return await self._as_actor(ref, lambda container: update(self._ctx, container, change))

    async def rename(self, ref: str, name: str) -> None:
        async def change(container: Container) -> None:
            chosen = names.check_name(name)
            taken = {other.name: other.id for other in self._ctx.store.containers} | self._ctx.reserved_names
            if chosen == container.name:
                raise InvalidArgument(f"renaming a container with the same name as its current name: {chosen}")
            if chosen in taken:
                raise Conflict(f'the container name "/{chosen}" is already in use by container "{taken[chosen]}"')
            check_dependencies(self._ctx, container, chosen)
            event = self._ctx.container_event(container, "rename", oldName=f"/{container.name}")
            # No await between the look and the write to the mirror but the commit itself, so the name is held
            # meanwhile.
            self._ctx.reserved_names[chosen] = container.id
            try:
                await self._ctx.save(attrs.evolve(container, name=chosen), event)
            finally:
                del self._ctx.reserved_names[chosen]

        await self._as_actor(ref, change)

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False) -> None:
        container = self._ctx.find_container(ref)

        async def drop() -> bool:
            current = self._ctx.store.containers.get(container.id)
            if current is None:
                return True  # with --rm, its end has removed it
            status = current.state.status
            if status not in ACTIVE and status is not State.RESTARTING:
                await remove_container(self._ctx, self._volumes, current, anonymous_volumes=volumes)
                return True
            if not force:
                raise Conflict(
                    f"cannot remove container {container.name!r}: container is {status.value}: "
                    "stop the container before removing or force remove"
                )
            return False

        for _ in range(_REMOVALS):
            if await self._ctx.actors.run(container.id, drop):
                return
            await self._end_at_once(container, Then.REMOVE_VOLUMES if volumes else Then.REMOVE)
        raise Conflict(f"cannot remove container {container.name!r}: it is started again as often as it is killed")

    async def _end_at_once(self, container: Container, then: Then) -> None:
        """Kill it, or have it wait for a restart no more. Raises: Conflict where a process is stuck."""
        await mark_ending(self._ctx, container.id, then=then)
        run = self._ctx.runs.get(container.id)
        if run is not None:
            await self._ctx.store.commit([], [kill_event(self._ctx, container, SIGKILL)])
            await kill_all(run, container)

    async def wait(self, ref: str, condition: str = "not-running") -> AbstractAsyncContextManager[Waiter]:
        container = self._ctx.find_container(ref)
        waiter = self._ctx.waiters.arm(container.id, condition or "not-running")
        runs = container.state.status in (*ACTIVE, State.RESTARTING)
        if condition in ("", "not-running") and not runs:
            finished = container.state.finished_at or now()
            waiter.fire(ExitStatus(code=container.state.exit_code, at=finished))
        return self._armed(container.id, waiter)

    @asynccontextmanager
    async def _armed(self, container_id: str, waiter: Waiter) -> AsyncIterator[Waiter]:
        try:
            yield waiter
        finally:
            self._ctx.waiters.disarm(container_id, waiter)

    async def check_attachable(self, ref: str) -> Container:
        return check_attachable(self._ctx.find_container(ref))

    async def attach(self, ref: str, request: AttachRequest, *, logs: bool = False, stream: bool = True) -> None:
        await attach(self._ctx, self._ctx.find_container(ref), request, logs=logs, stream=stream)

    async def resize(self, ref: str, size: TerminalSize) -> None:
        await self._ctx.run_of(self._ctx.find_container(ref)).runtime.resize(size)

    async def logs(self, ref: str, query: LogQuery) -> AsyncIterator[LogBatch]:
        return container_info.logs(self._ctx, self._ctx.find_container(ref), query)

    async def top(self, ref: str, ps_args: str) -> Processes:
        return await container_info.top(self._ctx, self._ctx.find_container(ref), ps_args)

    async def why(self, ref: str) -> Why:
        container = await self.get(ref)
        events = [recorded.event for recorded in await self._ctx.store.history(container.id, _TOLD)]
        decision = decision_words(self._ctx, container) if container.state.finished_at else ""
        return explain(container, events, decision, now())

    async def changes(self, ref: str) -> Sequence[Change]:
        return own_changes(await self._ctx.storage.changes(self._ctx.find_container(ref).id))

    async def sizes(self, ref: str) -> tuple[int, int]:
        return await container_info.sizes(self._ctx, self._ctx.find_container(ref))

    async def stat_path(self, ref: str, path: str) -> PathStat:
        return await Files(self._ctx, self._ctx.find_container(ref)).stat(path)

    async def get_archive(
        self, ref: str, path: str
    ) -> AbstractAsyncContextManager[tuple[PathStat, AsyncIterator[bytes]]]:
        return Files(self._ctx, self._ctx.find_container(ref)).get(path)

    async def export(self, ref: str) -> AbstractAsyncContextManager[tuple[None, AsyncIterator[bytes]]]:
        return Files(self._ctx, self._ctx.find_container(ref)).export()

    async def put_archive(
        self, ref: str, path: str, tar: BinaryIO, *, no_overwrite_dir_non_dir: bool = False, copy_uid_gid: bool = False
    ) -> None:
        files = Files(self._ctx, self._ctx.find_container(ref))
        await files.put(path, tar, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir, copy_uid_gid=copy_uid_gid)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> Pruned:
        """Remove all that do not run."""
        wanted = Filters(filters, {"label", "label!", "until"})
        until = wanted.until(now())
        removed, space = [], 0
        for container in list(self._ctx.store.containers):
            if container.state.status not in (State.CREATED, State.EXITED, State.DEAD):
                continue
            if not wanted.match_labels(container.config.labels) or (until and container.created > until):
                continue
            try:
                space += await self._ctx.storage.usage(container.id)
                await self.remove(container.id)
            except (Conflict, NotFound):  # started or removed by somebody else meanwhile
                continue
            removed.append(container.id)
        return Pruned(ids=tuple(removed), space=space)

    async def _as_actor(self, ref: str, verb: Callable[[Container], Awaitable[T]]) -> T:
        container_id = self._ctx.find_container(ref).id

        async def work() -> T:
            return await verb(self._ctx.find_container(container_id))

        return await self._ctx.actors.run(container_id, work)
