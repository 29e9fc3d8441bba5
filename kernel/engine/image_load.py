"""`load`: the images of an archive, under the names that they have there."""

import shutil
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO, Final, cast

import attrs
import trio

from ck.kernel.api.image import Progress
from ck.kernel.drivers.content import Draft
from ck.kernel.drivers.registry import ArchivedImage, ArchiveReader
from ck.kernel.engine.context import Context
from ck.kernel.engine.decompress import decompressed
from ck.kernel.engine.image_collect import collect_soon
from ck.kernel.engine.image_fetch import ImageFetch
from ck.kernel.engine.image_layer import sink_of
from ck.kernel.engine.image_pull import host_platform
from ck.kernel.engine.image_record import image_event, record_image
from ck.kernel.engine.image_store import familiar, new_tag
from ck.kernel.engine.progress import Tell, telling
from ck.kernel.errors import Unsupported

_BLOCK: Final = 1 << 20


def load(ctx: Context, tar: BinaryIO) -> AsyncGenerator[Progress]:
    """Load all images of the archive *tar*, compressed or not, telling how it goes.

    Raises: InvalidArgument, CorruptData, NotFound for what is no such archive, Unavailable for a full disk.
    """
    driver = next((each for each in ctx.registries if isinstance(each, ArchiveReader)), None)
    if driver is None:
        raise Unsupported("no registry driver that reads archives is loaded")

    async def work(tell: Tell) -> None:
        # It is read here and there, so it has to be a file; of a draft that is never committed a crash leaves nothing.
        draft = await ctx.content.draft()
        try:
            await trio.to_thread.run_sync(_copy, tar, draft)
            async with driver.archive(draft.path) as images:
                for image in images:
                    await _load(ctx, tell, image)
                    collect_soon(ctx)
        finally:
            with trio.CancelScope(shield=True):  # short: one file is unlinked
                await draft.discard()

    return telling(ctx.spawn, work)


def _copy(tar: BinaryIO, draft: Draft) -> None:
    shutil.copyfileobj(cast(Any, decompressed(tar)), sink_of(draft), _BLOCK)


async def _load(ctx: Context, tell: Tell, archived: ArchivedImage) -> None:
    manifest = await archived.source.manifest(host_platform())
    tags = [new_tag(ctx, name) for name in archived.names]
    async with ImageFetch(ctx, tell).fetched(archived.source, manifest) as image:
        known = ctx.store.images.get(image.id)
        made = attrs.evolve(image, manifest_digest=(known and known.manifest_digest) or manifest.digest)
        for tag in tags or [""]:
            await record_image(ctx, made, image_event(ctx, "load", image, tag), tag=tag)
    for tag in tags:
        await tell.send(Progress(line=f"Loaded image: {familiar(ctx, tag)}\n"))
    if not tags:
        await tell.send(Progress(line=f"Loaded image ID: {image.id}\n"))
