"""`push`: layers that the registry has are skipped or taken over from its other repositories, the rest is sent."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from ck.kernel.api.image import Image, Progress, Pushed
from ck.kernel.drivers.registry import Credentials, Descriptor, ImageSink, Manifest
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_garbage import blobs_of, drop_blobs, drop_layers
from ck.kernel.engine.image_manifest import new_manifest
from ck.kernel.engine.image_origins import read_origins
from ck.kernel.engine.image_record import record_image
from ck.kernel.engine.image_store import familiar, find_image, kept_manifest, normalize, registry_for
from ck.kernel.engine.layer_blob import layer_blobs
from ck.kernel.engine.layer_push import LayerPush
from ck.kernel.engine.progress import Tell, telling
from ck.kernel.errors import InvalidArgument, NotFound
from ck.kernel.events import Noun

_PARALLEL: Final = 5  # layers that are compressed or sent at once


def push(
    ctx: Context, reference: str, credentials: Credentials | None, *, all_tags: bool = False
) -> AsyncGenerator[Progress]:
    """Push the image called *reference*, or with *all_tags* all of its repository, telling how it goes.

    Raises: NotFound for an image that is not here, InvalidArgument for a digest, what the registry driver raises.
    """

    async def work(tell: Tell) -> None:
        names = _names(ctx, reference, all_tags=all_tags)
        await tell.send(Progress(status=f"The push refers to repository [{names[0].rpartition(':')[0]}]"))
        for name in names:
            await _Push(ctx, tell, name).run(credentials)

    return telling(ctx.spawn, work)


def _names(ctx: Context, reference: str, *, all_tags: bool) -> list[str]:
    normalized = normalize(ctx, reference)
    if "@" in normalized:
        raise InvalidArgument(f"cannot push a digest reference: {reference!r}")
    known = sorted(tag for image in ctx.store.images for tag in image.tags)
    if all_tags:
        names = [tag for tag in known if tag.rpartition(":")[0] == normalized.rpartition(":")[0]]
    else:
        names = [tag for tag in known if tag == normalized]
    if not names:
        raise NotFound(f"An image does not exist locally with the tag: {reference}")
    return names


class _Push:
    """The push of one image under one name."""

    def __init__(self, ctx: Context, tell: Tell, name: str) -> None:
        self._ctx, self._tell = ctx, tell
        self._name = name
        self._repository, _, self._tag = name.rpartition(":")

    async def run(self, credentials: Credentials | None) -> None:
        ctx = self._ctx
        image = find_image(ctx, self._name)
        async with ctx.leases.hold([*image.chain_ids, *blobs_of(image)]):
            async with registry_for(ctx, self._name).sink(self._name, credentials) as sink:
                manifest = await self._manifest(sink, image, await self._layers(sink, image))
                await sink.put_manifest(manifest)
            async with ctx.leases.hold([manifest.digest]):
                await ctx.content.add(manifest.raw)
                await self._record(image, manifest)
        # An image that was removed meanwhile has left what we had leased.
        await drop_layers(ctx, image.chain_ids)
        await drop_blobs(ctx, [manifest.digest, *blobs_of(image)])
        size = len(manifest.raw)
        await self._tell.send(Progress(status=f"{self._tag}: digest: {manifest.digest} size: {size}"))
        await self._tell.send(Progress(pushed=Pushed(tag=self._tag, digest=manifest.digest, size=size)))

    async def _layers(self, sink: ImageSink, image: Image) -> Sequence[Descriptor]:
        """Have all layers at the registry; return as what, lowest first."""
        ctx = self._ctx
        origins = await read_origins(ctx)
        found: dict[int, Descriptor] = {}
        failures: list[Exception] = []
        limit = trio.CapacityLimiter(_PARALLEL)
        async with trio.open_nursery() as nursery:

            async def send(place: int, layer: LayerPush) -> None:
                try:
                    async with limit:
                        found[place] = await layer.run(origins)
                except Exception as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            blobs = await layer_blobs(ctx, image)
            for place, (diff_id, blob) in enumerate(zip(image.diff_ids, blobs, strict=True)):
                nursery.start_soon(send, place, LayerPush(ctx, self._tell, sink, self._repository, diff_id, blob))
        if failures:
            raise failures[0]
        return [found[place] for place in range(len(image.diff_ids))]

    async def _manifest(self, sink: ImageSink, image: Image, layers: Sequence[Descriptor]) -> Manifest:
        """The manifest that the image came with, if it fits, or a new one; its config is at the registry."""
        config = await self._ctx.content.read(image.id)
        manifest = await kept_manifest(self._ctx, image)
        if manifest is None or [each.digest for each in manifest.layers] != [each.digest for each in layers]:
            manifest = new_manifest(config, layers)

        @asynccontextmanager
        async def read(offset: int) -> AsyncIterator[AsyncIterator[bytes]]:
            yield _once(config[offset:])

        if not await sink.has(image.id):
            await sink.upload(manifest.config, read, lambda sent: None)
        return manifest

    async def _record(self, image: Image, manifest: Manifest) -> None:
        ctx = self._ctx
        current = ctx.store.images.get(image.id)
        if current is not None:  # else it was removed meanwhile
            name = familiar(ctx, self._name)
            event = ctx.event(Noun.IMAGE, "push", name, {**image.config.labels, "name": name})
            made = attrs.evolve(current, manifest_digest=manifest.digest)
            await record_image(ctx, made, event, digest=f"{self._repository}@{manifest.digest}")


async def _once(content: bytes) -> AsyncGenerator[bytes]:
    yield content
