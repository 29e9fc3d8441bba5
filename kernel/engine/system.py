"""The noun `system`: what the engine is, what it takes, and what happens in it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime

import trio

from ck.kernel.api.engine import SystemInfo
from ck.kernel.api.image import DiskUsage
from ck.kernel.engine.build.mounts import Caches
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_disk import ImageDisk
from ck.kernel.engine.user_ranges import obstacles
from ck.kernel.engine.users import AUTO
from ck.kernel.errors import InvalidArgument, NotFound
from ck.kernel.events import Recorded
from ck.kernel.lifecycle import State
from ck.kernel.pluginmanager import KINDS


class System:
    """ck.kernel.api.engine.System."""

    def __init__(self, ctx: Context, caches: Caches) -> None:
        self._ctx, self._caches = ctx, caches
        self._images = ImageDisk(ctx)

    async def info(self) -> SystemInfo:
        ctx = self._ctx
        shared = (await obstacles(ctx)).wished
        warnings = [*ctx.plugins.problems, *(sentence for _, _, sentence in ctx.store.unreadable)]
        if ctx.config.default.userns == AUTO and shared:
            warnings.append(f"containers have the host's users: {shared}")
        states = [container.state.status for container in ctx.store.containers]
        running, paused = states.count(State.RUNNING), states.count(State.PAUSED)
        return SystemInfo(
            id=ctx.engine_id,
            name=ctx.host_name,
            root=str(ctx.config.data_root),
            containers=len(states),
            running=running,
            paused=paused,
            stopped=len(states) - running - paused,
            images=len(ctx.store.images),
            storage_driver=ctx.storage.name,
            storage_status=tuple(await ctx.storage.describe()),
            log_driver=ctx.config.default.log,
            network_mode=ctx.config.default.network,
            plugins={kind: tuple(ctx.plugins.names(kind)) for kind in KINDS},
            runtime=ctx.runtime.name,
            features=await ctx.runtime.features(),
            own_users=ctx.config.default.userns == AUTO and not shared,
            cdi_directories=ctx.config.cdi_directories,
            warnings=tuple(warnings),
            time=now(),
        )

    async def disk_usage(self) -> DiskUsage:
        ctx = self._ctx
        images, size, free, steps = await self._images.measure()
        cache = (*steps, *await self._caches.measure())
        written, volumes = {}, {}
        for container in ctx.store.containers:
            try:
                written[container.id] = await ctx.storage.usage(container.id)
            except NotFound:  # being removed
                continue
        for record in ctx.store.volumes:
            try:
                volumes[record.name] = await ctx.volume_driver(record.driver).usage(record.name)
            except NotFound:
                continue
        return DiskUsage(
            images_size=size, images_free=free, images=images, container_rw=written, volumes=volumes, cache=cache
        )

    def events(
        self, since: datetime | None, until: datetime | None, cursor: int | None = None
    ) -> AsyncIterator[Recorded]:
        newest = self._ctx.bus.newest
        if cursor is not None and cursor > newest:
            # As of another engine, or of one whose store was damaged since: it would wait for what has long happened.
            raise InvalidArgument(f"cursor {cursor} is past the newest event, {newest}")
        # "From now on" begins at the call, not when the first event is asked for: the caller has told its client by
        # then.
        return self._events(since, until, cursor, newest)

    async def _events(
        self, since: datetime | None, until: datetime | None, cursor: int | None, newest: int
    ) -> AsyncGenerator[Recorded]:
        if since is not None or cursor is not None:
            async for recorded in self._history(cursor or 0, since, newest):
                if until is None or recorded.event.at <= until:
                    yield recorded
        left = (until - now()).total_seconds() if until else float("inf")
        deadline = trio.current_time() + left
        stream = self._ctx.bus.subscribe(self._ctx.store.journal, after=newest)
        async with aclosing(stream):
            while trio.current_time() < deadline:
                # Not around the yield: a cancel scope must not span one.
                with trio.CancelScope(deadline=deadline) as scope:
                    recorded = await anext(stream)
                if scope.cancelled_caught:
                    return
                yield recorded

    async def _history(self, cursor: int, since: datetime | None, newest: int) -> AsyncGenerator[Recorded]:
        """What the journal has up to the event *newest*."""
        while cursor < newest:
            batch = await self._ctx.store.journal(after=cursor, since=since)
            for recorded in batch:
                if recorded.cursor > newest:
                    return
                yield recorded
            if not batch:
                return
            cursor = batch[-1].cursor
