"""What images leave behind: layers and blobs that nobody uses any more.

A record goes first and what it stood on after it, so a crash in between leaves too much, never too little; the next
sweep finds that. Safe at any time: what an operation under way needs is leased (leases.py).
"""

from collections.abc import Sequence

from ck.kernel.api.image import Image
from ck.kernel.engine.context import Context


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


async def drop(ctx: Context, image: Image) -> Sequence[str]:
    """Remove what only *image*, whose record is gone, has stood on. Return the chain IDs, uppermost first."""
    gone = await drop_layers(ctx, image.chain_ids)
    await drop_blobs(ctx, blobs_of(image))
    return gone


async def drop_layers(ctx: Context, chain_ids: Sequence[str]) -> Sequence[str]:
    """Remove those of the layers (lowest first) that nobody uses; return which, uppermost first."""
    gone = []
    for chain_id in reversed(chain_ids):
        if chain_id not in used_layers(ctx):
            await ctx.leases.remove(chain_id, ctx.storage.remove_layer)
            gone.append(chain_id)
    return gone


async def drop_blobs(ctx: Context, digests: Sequence[str]) -> None:
    """Remove those of the blobs that nobody uses."""
    for digest in digests:
        if digest not in used_blobs(ctx):
            await ctx.leases.remove(digest, ctx.content.remove)


async def sweep(ctx: Context) -> int:
    """Remove what crashes and broken pulls have left; return the bytes."""
    space = 0
    for chain_id in await ctx.storage.layers():
        if chain_id not in used_layers(ctx):
            space += (await ctx.storage.layer_usage(chain_id)).size
            await ctx.leases.remove(chain_id, ctx.storage.remove_layer)
    for blob in await ctx.content.blobs():
        if blob.digest not in used_blobs(ctx):
            space += blob.size
            await ctx.leases.remove(blob.digest, ctx.content.remove)
    return space
