"""What images leave behind: layers and blobs that nobody uses any more.

A record goes first and what it stood on after it, so a crash in between leaves too much, never too little; the next
sweep finds that. Safe at any time: what an operation under way needs is leased (leases.py).
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

import attrs
import trio

from ck.kernel.api.image import Image
from ck.kernel.archive.walk import BLOCK
from ck.kernel.engine.context import Context
from ck.kernel.engine.together import together
from ck.kernel.errors import CkError, NotFound

log: Final = logging.getLogger(__name__)

_AT_ONCE: Final = 2  # layers that are being deleted


@attrs.frozen(kw_only=True)
class Dropped:
    """Layers that are gone (chain IDs, uppermost first), and the bytes of the disk that they and blobs free, if those
    were counted."""

    chain_ids: tuple[str, ...]
    space: int


def used_layers(ctx: Context) -> set[str]:
    """Chain IDs that an image, a container, a step in the build cache or an operation under way stands on."""
    used = {chain for image in ctx.store.images for chain in image.chain_ids}
    used |= {chain for container in ctx.store.containers for chain in container.layers}
    return used | {chain for record in ctx.store.cache for chain in record.chain} | ctx.leases.held()


def used_blobs(ctx: Context) -> set[str]:
    """Digests of the blobs that an image, a step in the build cache or an operation under way needs."""
    used = {blob for image in ctx.store.images for blob in blobs_of(image)}
    return used | {record.blob for record in ctx.store.cache} | ctx.leases.held()


def blobs_of(image: Image) -> tuple[str, ...]:
    """The digests of what the content store has of *image*."""
    return tuple(blob for blob in (image.id, image.manifest_digest, *image.layer_blobs) if blob)


def held_blobs(ctx: Context, image: Image) -> tuple[str, ...]:
    """For each layer of *image* the digest of a blob of any image that holds it, "" where there is none."""
    held = {
        diff_id: blob
        for other in ctx.store.images
        for diff_id, blob in zip(other.diff_ids, other.layer_blobs, strict=False)
        if blob
    }
    return tuple(held.get(diff_id, "") for diff_id in image.diff_ids)


async def drop(ctx: Context, image: Image, *, counted: bool) -> Dropped:
    """Remove what only *image*, whose record is gone, has stood on. The space of its layers is the caller's to `free`.
    *counted*: with the bytes, which take a look at each thing."""
    blobs, layers = list[int](), list[Dropped]()

    async def drop_its_blobs() -> None:
        blobs.append(await drop_blobs(ctx, blobs_of(image), counted=counted))

    async def put_away_layers() -> None:
        layers.append(await _put_away(ctx, image.chain_ids, counted))

    try:
        await together(drop_its_blobs, put_away_layers)
    except BaseException:
        for dropped in layers:  # what is put away nobody else finds any more
            free_soon(ctx, dropped)
        raise
    return attrs.evolve(layers[0], space=layers[0].space + blobs[0])


async def drop_layers(ctx: Context, chain_ids: Sequence[str]) -> Dropped:
    """Remove those of the layers (lowest first) that nobody uses, and free their space."""
    dropped = await _put_away(ctx, chain_ids, True)
    await free(ctx, dropped)
    return dropped


async def free(ctx: Context, dropped: Dropped) -> None:
    """Free the space of layers that are gone, which takes as long as they are large. It goes on if the caller is
    cancelled: nobody else knows of what is left, but for the next start."""
    ended = trio.Event()

    async def job() -> None:
        try:
            await _purge(ctx, dropped)
        finally:
            ended.set()

    ctx.spawn(job)
    await ended.wait()


def free_soon(ctx: Context, dropped: Dropped) -> None:
    """The same beside everything else; who looks meanwhile whether the disk is full waits for it, instead of removing
    other images."""

    async def job() -> None:
        async with ctx.collecting:
            await _purge(ctx, dropped)

    ctx.spawn(job)


async def _purge(ctx: Context, dropped: Dropped) -> None:
    limiter = trio.CapacityLimiter(_AT_ONCE)  # the threads are everybody's

    async def purge(chain_id: str) -> None:
        async with limiter:
            await ctx.storage.purge_layer(chain_id)

    try:
        await together(*(partial(purge, chain_id) for chain_id in dropped.chain_ids))
    except (CkError, OSError) as error:
        log.warning("what layers have left on disk is deleted at the next start: %s", error)


async def _put_away(ctx: Context, chain_ids: Sequence[str], counted: bool) -> Dropped:
    gone, space = list[str](), 0
    try:
        for chain_id in reversed(chain_ids):
            if chain_id not in used_layers(ctx):
                space += await _remove_layer(ctx, chain_id, counted)
                gone.append(chain_id)
    except BaseException:
        free_soon(ctx, Dropped(chain_ids=tuple(gone), space=space))
        raise
    return Dropped(chain_ids=tuple(gone), space=space)


async def drop_blobs(ctx: Context, digests: Sequence[str], *, counted: bool = True) -> int:
    """Remove those of the blobs that nobody uses; return the bytes that this frees, 0 if they are not *counted*."""
    return sum([await _remove_blob(ctx, digest, counted) for digest in digests if digest not in used_blobs(ctx)])


async def sweep(ctx: Context) -> int:
    """Remove what crashes and broken pulls have left, their partial downloads too; return the bytes that this frees."""
    space = (await drop_layers(ctx, await ctx.storage.layers())).space
    space += await drop_blobs(ctx, [blob.digest for blob in await ctx.content.blobs()])
    for download in await ctx.content.partials():
        if download.digest not in ctx.leases.held():
            await ctx.leases.remove(download.digest, ctx.content.remove_partial)
            space += download.disk
    return space


async def _remove_layer(ctx: Context, chain_id: str, counted: bool) -> int:
    """Return the bytes that it takes up; none where somebody else was quicker."""
    space = 0

    async def remove(chain_id: str) -> None:
        nonlocal space
        if counted:
            try:
                space = await ctx.storage.layer_disk(chain_id)
            except NotFound:
                return
        await ctx.storage.remove_layer(chain_id)

    await ctx.leases.remove(chain_id, remove)
    return space


async def _remove_blob(ctx: Context, digest: str, counted: bool) -> int:
    space = 0

    async def remove(digest: str) -> None:
        nonlocal space
        if counted:
            try:
                path = trio.Path(await ctx.content.path(digest))
                space = (await path.stat()).st_blocks * BLOCK
            except (NotFound, FileNotFoundError):
                return
        await ctx.content.remove(digest)

    await ctx.leases.remove(digest, remove)
    return space
