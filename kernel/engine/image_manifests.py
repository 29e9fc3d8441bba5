"""Manifests and indexes as they stand at registries: looked at, and indexes put together there."""

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from ck.kernel.api.image import NamedManifest, Progress, Pushed
from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import read_document, read_json, read_manifest
from ck.kernel.drivers.registry import Credentials, Descriptor, Document, ImageSink, ImageSource, Manifest, Platform
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_fetch import read_config_blob
from ck.kernel.engine.image_save import manifest_of
from ck.kernel.engine.image_store import find_image, normalize, registry_for
from ck.kernel.engine.layer_blob import layer_blobs
from ck.kernel.engine.progress import Tell, telling
from ck.kernel.errors import CkError, CorruptData, InvalidArgument, NotFound, Unavailable, Unsupported

_DIGITS: Final = 12  # of a digest, as progress shows it


async def named_manifest(
    ctx: Context, reference: str, credentials: Credentials | None, *, local: bool = False
) -> NamedManifest:
    """What *reference* names at its registry; with *local* the image of that name or ID here, where the registry has
    none or is out of reach. Raises: what the registry driver raises."""
    try:
        driver = registry_for(ctx, reference)
        normalized = driver.normalize(reference)
        async with driver.source(normalized, credentials) as source:
            document = await source.document()
            platforms = await _platforms(source, document)
        return NamedManifest(name=normalized, document=document, platforms=platforms)
    except (NotFound, Unavailable, InvalidArgument) as error:
        if local and (kept := await _local(ctx, reference)) is not None:
            return kept
        raise error


async def _platforms(source: ImageSource, document: Document) -> tuple[Platform, ...]:
    try:
        found = read_manifest(document.raw, digest=document.digest)
    except Unsupported:  # of something that no container is made of
        return ()
    if isinstance(found, Manifest):
        return (read_platform(await read_config_blob(source, found), found.config.digest),)
    return tuple(entry.platform for entry in found if entry.platform is not None)


async def _local(ctx: Context, ref: str) -> NamedManifest | None:
    try:
        image = find_image(ctx, ref)
    except CkError:
        return None
    async with ctx.leases.hold(image.chain_ids):
        manifest = await manifest_of(ctx, image, await layer_blobs(ctx, image))
    platform = Platform(os=image.os, architecture=image.architecture, variant=image.variant)
    return NamedManifest(name=image.tags[0] if image.tags else image.id, document=manifest, platforms=(platform,))


def read_platform(config: bytes, digest: str) -> Platform:
    """The platform that an image's config, the blob *digest*, says it is for (OCI image-spec, config.md). Raises:
    CorruptData."""
    words = read_json(config, digest)
    names = {key: words.get(key, "") for key in ("os", "architecture", "variant")}
    if not all(isinstance(name, str) for name in names.values()):
        raise CorruptData(f"the image config {digest} has a platform that is not text")
    return Platform(**names)


def push_index(
    ctx: Context, reference: str, raw: bytes, sources: Mapping[str, str], credentials: Credentials | None
) -> AsyncGenerator[Progress]:
    """Have the index *raw* at a registry under the name *reference*, and all that it refers to in the same repository,
    telling how it goes. *sources* are the repositories in which its manifests are, by digest; one that is not among
    them is there already.

    Raises: InvalidArgument for what is no index, NotFound for a manifest that is nowhere, what registry drivers raise.
    """

    async def work(tell: Tell) -> None:
        normalized = normalize(ctx, reference)
        if "@" in normalized:
            raise InvalidArgument(f"cannot push to a digest reference: {reference!r}")
        entries = read_manifest(raw, digest=sha256_digest(raw))
        if isinstance(entries, Manifest):
            raise InvalidArgument(f"{reference} is to be an index, and this is the manifest of one image")
        repository, _, tag = normalized.rpartition(":")
        await tell.send(Progress(status=f"The push refers to repository [{repository}]"))
        async with registry_for(ctx, normalized).sink(normalized, credentials) as sink:
            for entry in entries:
                digest = entry.descriptor.digest
                origin = normalize(ctx, f"{sources[digest]}@{digest}") if digest in sources else ""
                if origin and origin != f"{repository}@{digest}":
                    await _Copy(ctx, tell, sink, repository).run(origin, entry.descriptor, credentials)
            index = read_document(raw)
            await sink.put_manifest(index)
        await tell.send(Progress(status=f"{tag}: digest: {index.digest} size: {len(raw)}"))
        await tell.send(Progress(pushed=Pushed(tag=tag, digest=index.digest, size=len(raw))))

    return telling(ctx.spawn, work)


class _Copy:
    """Copies manifests with their blobs from other repositories into the one of *sink*."""

    def __init__(self, ctx: Context, tell: Tell, sink: ImageSink, repository: str) -> None:
        self._ctx, self._tell, self._sink = ctx, tell, sink
        self._host = repository.partition("/")[0]

    async def run(self, origin: str, descriptor: Descriptor, credentials: Credentials | None) -> None:
        """*origin* is a normalized reference with a digest."""
        repository = origin.partition("@")[0]
        # What the user gave is for the registry that is pushed to.
        known = credentials if repository.startswith(f"{self._host}/") else None
        async with registry_for(self._ctx, origin).source(origin, known) as source:
            document = await source.document()
            if len(document.raw) != descriptor.size:
                raise CorruptData(f"{origin} has {len(document.raw)} bytes, its index says {descriptor.size}")
            manifest = read_manifest(document.raw, digest=document.digest)
            if not isinstance(manifest, Manifest):
                raise InvalidArgument(f"{origin} is an index itself: name the manifests that it refers to")
            for blob in (manifest.config, *manifest.layers):
                status = await self._blob(source, repository, blob)
                await self._tell.send(Progress(status=status, id=_short(blob.digest)))
            await self._sink.put_manifest(manifest, named=False)
        await self._tell.send(Progress(status="Pushed", id=_short(manifest.digest)))

    async def _blob(self, source: ImageSource, repository: str, blob: Descriptor) -> str:
        """Have *blob* at the sink; return how it came there."""
        if await self._sink.has(blob.digest):
            return "Layer already exists"
        if repository.startswith(f"{self._host}/") and await self._sink.mount(blob.digest, repository):
            return f"Mounted from {repository.partition('/')[2]}"
        await self._sink.upload(blob, lambda offset: source.blob(blob, offset), lambda sent: None)
        return f"Copied from {repository}"


def _short(digest: str) -> str:
    return digest.partition(":")[2][:_DIGITS]
