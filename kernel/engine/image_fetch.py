"""From a source of images into the content store and the storage driver: what `pull` and `load` share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

import attrs
import trio

from ck.kernel.api.image import Image, Progress
from ck.kernel.drivers.registry import ImageSource, Manifest
from ck.kernel.drivers.storage import Layer
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_config import read_image
from ck.kernel.engine.image_garbage import drop_blobs, held_blobs
from ck.kernel.engine.progress import Tell
from ck.kernel.engine.unpack import LayerFetch, Report, fetch_layers
from ck.kernel.errors import CorruptData

_MAX_CONFIG: Final = 8 << 20  # bytes


class ImageFetch:
    """Fetches images and tells of it on a channel, whose reader may be slow."""

    def __init__(self, ctx: Context, tell: Tell) -> None:
        self._ctx, self._tell = ctx, tell

    @asynccontextmanager
    async def fetched(self, source: ImageSource, manifest: Manifest) -> AsyncIterator[Image]:
        """The image of *manifest*, all of which is here now and is leased until the block has recorded it.

        Raises: what the drivers raise, CorruptData; then what has arrived is kept for the next attempt.
        """
        blobs = [manifest.digest, manifest.config.digest, *[layer.digest for layer in manifest.layers]]
        async with self._ctx.leases.hold(blobs):
            image = await self._image(source, manifest)
            held = held_blobs(self._ctx, image)
            async with self._ctx.leases.hold([*image.chain_ids, *filter(None, held)]):
                # Looked at again: one of them may have been on its way out.
                held = tuple([blob if blob and await self._ctx.content.has(blob) else "" for blob in held])
                yield await self._layers(source, manifest, attrs.evolve(image, layer_blobs=held))
        await drop_blobs(self._ctx, blobs)  # an image that was known has stayed with its own manifest

    async def _image(self, source: ImageSource, manifest: Manifest) -> Image:
        content, digest = self._ctx.content, manifest.config.digest
        if await content.has(digest):
            raw = await content.read(digest)
        else:
            raw = await read_config_blob(source, manifest)
        image = read_image(digest, raw)
        if len(image.diff_ids) != len(manifest.layers):
            raise CorruptData(
                f"image {digest} has {len(image.diff_ids)} diff IDs "
                f"for the {len(manifest.layers)} layers of its manifest"
            )
        await content.add(raw)
        await content.add(manifest.raw)
        return image

    async def _layers(self, source: ImageSource, manifest: Manifest, image: Image) -> Image:
        """Store the layers; return *image* with their sizes and blobs."""
        parents = (None, *image.chain_ids)
        fetches = [
            LayerFetch(
                descriptor=descriptor,
                layer=Layer(chain_id=chain_id, diff_id=diff_id, parent=parent),
                report=self._reporter(descriptor.digest),
                held=held != "",
            )
            for descriptor, chain_id, diff_id, parent, held in zip(
                manifest.layers, image.chain_ids, image.diff_ids, parents, image.layer_blobs, strict=False
            )
        ]
        content = self._ctx.content
        sizes = tuple(usage.size for usage in await fetch_layers(source, fetches, content, self._ctx.storage))
        fetched = [layer.digest if await content.has(layer.digest) else "" for layer in manifest.layers]
        blobs = tuple(new or old for new, old in zip(fetched, image.layer_blobs, strict=True))
        return attrs.evolve(image, layer_blobs=blobs, layer_sizes=sizes, size=sum(sizes))

    def _reporter(self, digest: str) -> Report:
        layer = digest.partition(":")[2][:12]

        def report(status: str, current: int, total: int) -> None:
            try:
                self._tell.send_nowait(Progress(status=status, id=layer, current=current, total=total))
            except (trio.WouldBlock, trio.BrokenResourceError):
                return  # a slow reader misses steps of the bars, never holds up the pull

        return report


async def read_config_blob(source: ImageSource, manifest: Manifest) -> bytes:
    """The config of the image of *manifest*, checked. Raises: CorruptData, what the source raises."""
    descriptor = manifest.config
    if descriptor.size > _MAX_CONFIG:
        raise CorruptData(
            f"the image config {descriptor.digest} claims {descriptor.size} bytes; at most {_MAX_CONFIG} are read"
        )
    raw = bytearray()
    async with source.blob(descriptor) as chunks:
        async for chunk in chunks:
            raw += chunk
            if len(raw) > descriptor.size:
                break
    if f"sha256:{sha256(raw).hexdigest()}" != descriptor.digest:
        raise CorruptData(f"the image config {descriptor.digest} does not have the bytes that its digest names")
    return bytes(raw)
