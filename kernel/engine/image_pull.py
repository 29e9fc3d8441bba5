"""`pull`: manifest, config and layers, each checked; what is here already is not fetched."""

import platform as machine
from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Final

import attrs
import trio

from ck.kernel.api.image import Image, Progress
from ck.kernel.drivers.registry import Credentials, ImageSource, Manifest, Platform
from ck.kernel.drivers.storage import Layer
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_config import read_image
from ck.kernel.engine.image_garbage import held_blobs
from ck.kernel.engine.image_record import record_image
from ck.kernel.engine.image_store import familiar, registry_for
from ck.kernel.engine.unpack import LayerFetch, Report, fetch_layers
from ck.kernel.errors import CorruptData
from ck.kernel.events import Noun

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_MAX_CONFIG: Final = 8 << 20  # bytes
_PROGRESS_BUFFER: Final = 256


def host_platform() -> Platform:
    """The platform of this machine, in the words of the OCI image spec."""
    name = machine.machine()
    return Platform(architecture=_ARCHITECTURES.get(name, name))


async def pull(
    ctx: Context,
    reference: str,
    platform: Platform | None,
    credentials: Credentials | None,
    *,
    all_tags: bool = False,
) -> AsyncGenerator[Progress]:
    """Pull an image, or with *all_tags* all of its repository, telling how it goes.

    Raises: what the registry driver raises; then nothing half-made is left.
    """
    send, receive = trio.open_memory_channel[Progress](_PROGRESS_BUFFER)
    errors: list[Exception] = []
    scope = trio.CancelScope()

    async def work() -> None:
        with scope:
            async with send:
                try:
                    pulling = _Pull(ctx, send)
                    for each in await _all(ctx, reference, credentials) if all_tags else [reference]:
                        await pulling.run(each, platform or host_platform(), credentials)
                except Exception as error:  # raised below, in the task of whoever pulls
                    errors.append(error)

    # In the engine's nursery: one inside a generator would be left open by a reader that leaves early.
    ctx.spawn(work)
    try:
        async with receive:
            async for progress in receive:
                yield progress
    finally:
        scope.cancel()
    if errors:
        raise errors[0]


async def _all(ctx: Context, reference: str, credentials: Credentials | None) -> list[str]:
    """*reference* with each tag of its repository in turn; itself where there are no tags (host/sh)."""
    driver = registry_for(ctx, reference)
    normalized = driver.normalize(reference)
    async with driver.source(normalized, credentials) as source:
        tags = await source.tags()
    repository = normalized.rpartition(":")[0]
    return [f"{repository}:{tag}" for tag in tags] or [reference]


class _Pull:
    def __init__(self, ctx: Context, progress: trio.MemorySendChannel[Progress]) -> None:
        self._ctx, self._progress = ctx, progress

    async def run(self, reference: str, platform: Platform, credentials: Credentials | None) -> None:
        ctx = self._ctx
        driver = registry_for(ctx, reference)
        normalized = driver.normalize(reference)
        async with driver.source(normalized, credentials) as source:
            manifest = await source.manifest(platform)
            tag = normalized.rpartition("@" if "@" in normalized else ":")[2]
            await self._progress.send(
                Progress(status=f"Pulling from {source.name.rpartition(':')[0] or source.name}", id=tag)
            )
            changed = await self._fetch(source, manifest, normalized)
        digest = manifest.index_digest or manifest.digest
        await self._progress.send(Progress(status=f"Digest: {digest}"))
        word = "Downloaded newer image" if changed else "Image is up to date"
        await self._progress.send(Progress(status=f"Status: {word} for {familiar(ctx, normalized)}"))

    async def _fetch(self, source: ImageSource, manifest: Manifest, normalized: str) -> bool:
        # Until the image is recorded, so that removing another image leaves what both share alone.
        blobs = [manifest.digest, manifest.config.digest, *[layer.digest for layer in manifest.layers]]
        async with self._ctx.leases.hold(blobs):
            image = await self._image(source, manifest)
            held = held_blobs(self._ctx, image)
            async with self._ctx.leases.hold([*image.chain_ids, *filter(None, held)]):
                image = await self._layers(source, manifest, attrs.evolve(image, layer_blobs=held))
                return await self._record(normalized, manifest, image)

    async def _image(self, source: ImageSource, manifest: Manifest) -> Image:
        content, digest = self._ctx.content, manifest.config.digest
        if await content.has(digest):
            raw = await content.read(digest)
        else:
            raw = await _read_config_blob(source, manifest)
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
                self._progress.send_nowait(Progress(status=status, id=layer, current=current, total=total))
            except (trio.WouldBlock, trio.BrokenResourceError):
                return  # a slow reader misses steps of the bars, never holds up the pull

        return report

    async def _record(self, normalized: str, manifest: Manifest, image: Image) -> bool:
        """Commit the image under its name; an image that had the name loses it. Return whether anything is new."""
        ctx = self._ctx
        by_digest = "@" in normalized
        repository = normalized.rpartition("@" if by_digest else ":")[0] or normalized
        made = attrs.evolve(image, manifest_digest=manifest.digest)
        digest = f"{repository}@{manifest.index_digest or manifest.digest}"
        name = familiar(ctx, normalized)
        event = ctx.event(Noun.IMAGE, "pull", name, {**image.config.labels, "name": name})
        return await record_image(ctx, made, event, tag="" if by_digest else normalized, digest=digest)


async def _read_config_blob(source: ImageSource, manifest: Manifest) -> bytes:
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
