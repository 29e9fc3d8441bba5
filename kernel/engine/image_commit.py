"""`commit` and `import`: an image of what a container has become, and one of a file-system archive."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Final, cast

import trio

from ck.kernel.api.container import Container, ContainerConfig
from ck.kernel.api.image import CommitRequest, HistoryEntry, Image, ImportRequest
from ck.kernel.engine.build.config import change
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.decompress import decompressed
from ck.kernel.engine.image_garbage import blobs_of
from ck.kernel.engine.image_layer import made_layer
from ck.kernel.engine.image_make import base_of, make_image, scratch
from ck.kernel.engine.image_pull import host_platform
from ck.kernel.engine.image_store import find_image, new_tag
from ck.kernel.engine.merge import merge_config
from ck.kernel.lifecycle import State

_BLOCK: Final = 1 << 20
_THAW_SECONDS: Final = 10.0


async def commit(ctx: Context, container: Container, request: CommitRequest) -> str:
    """Make an image of *container*; return its ID. Raises: InvalidArgument, Conflict, NotFound for its own image."""
    tag = new_tag(ctx, request.target)
    image = find_image(ctx, container.image_id)
    # The new image needs the blobs of its base; the container itself keeps only the layers.
    async with ctx.leases.hold([*image.chain_ids, *blobs_of(image)]):
        return await _commit(ctx, container, find_image(ctx, image.id), request, tag)


async def _commit(ctx: Context, container: Container, image: Image, request: CommitRequest, tag: str) -> str:
    base = await base_of(ctx, image)
    config = change(merge_config(request.config, container.config), request.changes)
    entry = HistoryEntry(
        created=now(),
        created_by=" ".join((*(container.config.entrypoint or ()), *(container.config.cmd or ()))),
        author=request.author,
        comment=request.comment,
    )
    below = container.layers[-1] if container.layers else None

    async def write(sink: BinaryIO) -> None:
        async with _held_still(ctx, container, request.pause):
            await ctx.storage.diff(container.id, sink)

    async with made_layer(ctx, below, write) as layer:
        made = await make_image(ctx, base, [layer], config, [entry], created=now(), author=request.author, tag=tag)
    event = ctx.container_event(container, "commit", comment=request.comment, imageID=made.id, imageRef=request.target)
    await ctx.store.commit([], [event])
    return made.id


async def import_archive(ctx: Context, tar: BinaryIO, request: ImportRequest) -> str:
    """Make an image of one layer of *tar*, compressed or not; return its ID. Raises: InvalidArgument, CorruptData."""
    tag = new_tag(ctx, request.target)

    def copy(sink: BinaryIO) -> None:
        shutil.copyfileobj(cast(Any, decompressed(tar)), sink, _BLOCK)

    entry = HistoryEntry(created=now(), comment=request.comment)

    async def write(sink: BinaryIO) -> None:
        await trio.to_thread.run_sync(copy, sink)

    async with made_layer(ctx, None, write) as layer:
        made = await make_image(
            ctx,
            scratch(request.platform or host_platform()),
            [layer],
            change(ContainerConfig(), request.changes),
            [entry],
            created=now(),
            action="import",
            tag=tag,
        )
    return made.id


@asynccontextmanager
async def _held_still(ctx: Context, container: Container, pause: bool) -> AsyncIterator[None]:
    """Keep the processes of *container* from running in the block, if any run and *pause* says so.

    Not by the verb `pause`: for the user the container runs on, and so it does if we are killed here (recover.py).
    """
    run = ctx.runs.get(container.id)
    if not pause or run is None or container.state.status is not State.RUNNING:
        yield
        return
    async with run.sessions.close():
        await run.runtime.pause()
        try:
            yield
        finally:
            with trio.fail_after(_THAW_SECONDS, shield=True):  # or a cancel would leave it frozen
                await run.runtime.resume()
