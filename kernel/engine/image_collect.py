"""Images that nobody uses make way where the file system of the data root fills up.

Looked at after something came in, and at the start: nothing else of the engine's fills it by itself.
"""

import logging
import os
from datetime import timedelta
from typing import Final

import trio

from ck.kernel.api.image import Image
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_garbage import sweep
from ck.kernel.engine.image_remove import delete, users_of
from ck.kernel.engine.image_use import last_use
from ck.kernel.engine.watermarks import FileSystem, Watermarks

log: Final = logging.getLogger(__name__)

CAUSE: Final = "watermark"
"""Of the events of images that have made way."""


def collect_soon(ctx: Context) -> None:
    """Have it looked at beside everything else."""
    if ctx.config.images.high_watermark:
        ctx.spawn(collect, ctx)


async def collect(ctx: Context) -> None:
    """Above the high mark, remove what nobody uses until the low one is reached: first what belongs to no image, then
    images without a container, those that were used longest ago first.

    The image that was used last stays, and so do those that were used within `min_age` and those that an operation
    under way needs. Raises: InvalidArgument for marks that cannot be.
    """
    marks = Watermarks.parse(ctx.config.images.high_watermark, ctx.config.images.low_watermark)
    if marks is None:
        return
    async with ctx.collecting:
        system = FileSystem.of(await trio.to_thread.run_sync(os.statvfs, ctx.config.data_root))
        excess = marks.excess(system)
        if not excess:
            return
        # What is freed is counted, not looked up: some file systems free only after a while.
        excess -= await sweep(ctx)
        for image in _candidates(ctx):
            if excess <= 0:
                return
            removed = await delete(ctx, image.id, lambda current: _may_go(ctx, current), cause=CAUSE)
            if not removed.removals:  # somebody has begun to use it
                continue
            excess -= removed.space
            log.info(
                "image %s (%s) has made way: %d bytes of the file system of %s were in use; %d bytes are free again",
                image.id[7:19],
                ", ".join(image.tags) or "no name",
                system.used,
                ctx.config.data_root,
                removed.space,
            )
        if excess > 0:
            log.warning(
                "the file system of %s has %d bytes in use, %d more than low_watermark allows, "
                "and no image that could make way",
                ctx.config.data_root,
                system.used,
                excess,
            )


def _candidates(ctx: Context) -> list[Image]:
    """Those that nobody needs, in the order in which they go."""
    by_use = sorted(ctx.store.images, key=lambda image: (last_use(ctx, image), image.id))
    return [image for image in by_use[:-1] if _may_go(ctx, image)]


def _may_go(ctx: Context, image: Image) -> bool:
    fresh = now() - last_use(ctx, image) < timedelta(seconds=ctx.config.images.min_age)
    # Its lowest layers may be leased for another image, which does not need this one.
    needed = {image.id, image.manifest_digest, *image.chain_ids[-1:]} & ctx.leases.held()
    return not fresh and not needed and not users_of(ctx, image)
