"""After a start: what exists is compared with what the store says, and adopted, finished or removed."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import trio

from ck.kernel.api.container import Container, Then
from ck.kernel.drivers.runtime import RuntimeContainer
from ck.kernel.engine.container_remove import drop_root
from ck.kernel.engine.container_start import adopt
from ck.kernel.engine.container_update import finish_update
from ck.kernel.engine.context import Context, Run
from ck.kernel.engine.execs import Execs
from ck.kernel.engine.files import delete_directory
from ck.kernel.engine.recover_networks import recover_names, recover_networks
from ck.kernel.engine.runs import Runs
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import CkError
from ck.kernel.lifecycle import ACTIVE, State

log: Final = logging.getLogger(__name__)

_RECORD_SECONDS: Final = 5.0


class Recovery:
    """Runs once, before any front end listens."""

    def __init__(self, ctx: Context, volumes: Volumes, runs: Runs, execs: Execs) -> None:
        self._ctx, self._volumes, self._runs, self._execs = ctx, volumes, runs, execs

    async def run(self) -> None:
        """Bring store and machine together.

        One thing that cannot be mended is reported and does not stop the others.
        """
        runs = {runtime.container_id: runtime for runtime in await self._ctx.runtime.recover()}
        if not self._ctx.store.damaged:  # else what is unknown may be somebody's whose record is lost
            await self._remove_unknown(runs)
        self._ctx.spawn(self._volumes.drop_unmade)  # beside, because a volume driver may be slow to answer
        await recover_networks(self._ctx, runs)
        async with trio.open_nursery() as nursery:
            for container_id in self._ctx.store.containers.ids():
                nursery.start_soon(self._guarded, container_id, runs.get(container_id))
        self._ctx.spawn(recover_names, self._ctx)
        # What ended while we were away is recorded before anybody can ask. Bounded, because a process that is stuck
        # in the kernel must not keep the engine from serving.
        with trio.move_on_after(_RECORD_SECONDS):
            for run in list(self._ctx.runs.values()):
                if run.runtime.over:
                    await run.ended.wait()

    async def _remove_unknown(self, runs: dict[str, RuntimeContainer]) -> None:
        """Whatever carries the ID of a container that the store does not know: a create or remove was cut short."""
        ctx = self._ctx
        # Not what belongs to a record that cannot be read: its container runs on until someone mends that.
        known = {*ctx.store.containers.ids(), *ctx.store.unreadable_ids}
        for container_id in [each for each in runs if each not in known]:
            await _attempt(f"the run {container_id[:12]}", runs.pop(container_id).delete)
        for container_id in await ctx.storage.containers():
            if container_id not in known:
                await _attempt(f"the root {container_id[:12]}", partial(drop_root, ctx, container_id))
        for path in await _directories(ctx):
            if path.name not in known:
                await _attempt(f"the directory {path}", partial(delete_directory, Path(path)))
        orphans = [record.name for record in ctx.store.volumes if record.owner and record.owner not in known]
        for name in orphans:
            await _attempt(f"the volume {name}", partial(self._volumes.forget, [name]))

    async def _guarded(self, container_id: str, runtime: RuntimeContainer | None) -> None:
        try:
            await self._ctx.actors.run(container_id, lambda: self._container(container_id, runtime))
        except CkError as error:
            log.error("cannot recover container %s: %s", container_id[:12], error)

    async def _container(self, container_id: str, runtime: RuntimeContainer | None) -> None:
        ctx = self._ctx
        container = ctx.find_container(container_id)
        status = container.state.status
        if runtime is not None and status in ACTIVE and container.state.boot_id != ctx.boot_id:
            await runtime.delete()  # files of a run that went down with the machine, where the run root is on disk
            runtime = None
        if runtime is not None:
            if not runtime.over:
                # We may have gone down between a freeze and its record, or while it was frozen only for a moment.
                await (runtime.pause() if status is State.PAUSED else runtime.resume())
            if status not in ACTIVE and not await _is_recorded(container, runtime):
                # It was started, and we went down before that was written.
                await adopt(ctx, container, runtime)
            if status is State.REMOVING and not runtime.over:
                await runtime.kill()
            # What has ended already is dealt with as if it ended now.
            run = ctx.runs[container_id] = Run(runtime)
            if container.state.limits_pending and not runtime.over:
                await finish_update(ctx, ctx.find_container(container_id), runtime)
            self._runs.watch(container_id, run)
            self._execs.adopt(ctx.find_container(container_id), runtime)
        elif status in ACTIVE:
            container = await self._runs.record_lost(container)
            if container.state.status is State.REMOVING:
                await self._runs.follow(container)
            else:
                await self._runs.restarts.after_return(container)
        elif status is State.RESTARTING:
            self._runs.restarts.go_on_waiting(container)
        elif status is State.REMOVING or container.state.then is Then.RESTART:
            await self._runs.follow(container)
        elif status is State.EXITED and container.state.started_at is not None:
            await self._runs.restarts.after_return(container)


async def _attempt(what: str, removal: Callable[[], Awaitable[object]]) -> None:
    """What cannot be removed is reported, and found again by `ck doctor`."""
    try:
        await removal()
    except (CkError, OSError) as error:
        log.error("cannot remove %s, which nobody has: %s", what, error)


async def _is_recorded(container: Container, runtime: RuntimeContainer) -> bool:
    """Whether the run is one whose end the record has: it was not deleted yet."""
    if container.state.status is State.REMOVING:
        return True
    return runtime.over and (await runtime.wait()).at == container.state.finished_at


async def _directories(ctx: Context) -> list[trio.Path]:
    root = trio.Path(ctx.config.data_root / "containers")
    return list(await root.iterdir()) if await root.exists() else []
