"""`pull`: manifest, config and layers, each checked; what is here already is not fetched."""

import platform as machine
from collections.abc import AsyncGenerator
from typing import Final

import attrs

from ck.kernel.api.image import Image, Progress
from ck.kernel.drivers.registry import Credentials, Manifest, Platform
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_collect import collect_soon
from ck.kernel.engine.image_fetch import ImageFetch
from ck.kernel.engine.image_record import record_image
from ck.kernel.engine.image_store import familiar, registry_for
from ck.kernel.engine.progress import Tell, telling
from ck.kernel.events import Noun

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def host_platform() -> Platform:
    """The platform of this machine, in the words of the OCI image spec."""
    name = machine.machine()
    return Platform(architecture=_ARCHITECTURES.get(name, name))


def pull(
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

    async def work(tell: Tell) -> None:
        pulling = _Pull(ctx, tell)
        for each in await _all(ctx, reference, credentials) if all_tags else [reference]:
            await pulling.run(each, platform or host_platform(), credentials)
            collect_soon(ctx)

    return telling(ctx.spawn, work)


async def _all(ctx: Context, reference: str, credentials: Credentials | None) -> list[str]:
    """*reference* with each tag of its repository in turn; itself where there are no tags (host/sh)."""
    driver = registry_for(ctx, reference)
    normalized = driver.normalize(reference)
    async with driver.source(normalized, credentials) as source:
        tags = await source.tags()
    repository = normalized.rpartition(":")[0]
    return [f"{repository}:{tag}" for tag in tags] or [reference]


class _Pull:
    def __init__(self, ctx: Context, tell: Tell) -> None:
        self._ctx, self._tell = ctx, tell
        self._fetch = ImageFetch(ctx, tell)

    async def run(self, reference: str, platform: Platform, credentials: Credentials | None) -> None:
        ctx = self._ctx
        driver = registry_for(ctx, reference)
        normalized = driver.normalize(reference)
        async with driver.source(normalized, credentials) as source:
            manifest = await source.manifest(platform)
            tag = normalized.rpartition("@" if "@" in normalized else ":")[2]
            await self._tell.send(
                Progress(status=f"Pulling from {source.name.rpartition(':')[0] or source.name}", id=tag)
            )
            async with self._fetch.fetched(source, manifest) as image:
                changed = await self._record(normalized, manifest, image)
        digest = manifest.index_digest or manifest.digest
        await self._tell.send(Progress(status=f"Digest: {digest}"))
        word = "Downloaded newer image" if changed else "Image is up to date"
        await self._tell.send(Progress(status=f"Status: {word} for {familiar(ctx, normalized)}"))

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
