"""`save`: images as one archive, which Docker, skopeo and `load` read."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from ck.kernel.api.image import Image
from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.header import END, padding
from ck.kernel.archive.pack import encode
from ck.kernel.drivers.manifest import OCI_MANIFEST
from ck.kernel.drivers.registry import Manifest
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_archive import SavedImage, SavedName, blob_name, documents
from ck.kernel.engine.image_garbage import blobs_of
from ck.kernel.engine.image_manifest import describe, new_manifest
from ck.kernel.engine.image_store import familiar, find_image, kept_manifest, normalize
from ck.kernel.engine.layer_blob import LayerBlob, layer_blobs, read_blob
from ck.kernel.errors import InvalidArgument


@asynccontextmanager
async def saving(ctx: Context, refs: Sequence[str]) -> AsyncIterator[AsyncIterator[bytes]]:
    """The archive of the images *refs*, in chunks. An image that is named by its ID has no name in the archive, a
    repository without a tag stands for all of its images. Raises: NotFound, before the block runs."""
    chosen = _choose(ctx, refs)
    images = [ctx.store.images.get(image_id) for image_id in chosen]
    found = [image for image in images if image is not None]
    async with ctx.leases.hold([each for image in found for each in (*image.chain_ids, *blobs_of(image))]):
        blobs: dict[str, LayerBlob] = {}
        small: dict[str, bytes] = {}
        saved = []
        for image in found:
            layers = await layer_blobs(ctx, image)
            manifest = await manifest_of(ctx, image, layers)
            blobs |= {layer.digest: layer for layer in layers}
            small |= {image.id: await ctx.content.read(image.id), manifest.digest: manifest.raw}
            saved.append(SavedImage(manifest=manifest, names=chosen[image.id]))
        yield _archive(saved, small, blobs)


async def manifest_of(ctx: Context, image: Image, layers: Sequence[LayerBlob]) -> Manifest:
    """The one that *image* came with, where it will do, or else a new one: OCI's, as others see only those."""
    kept = await kept_manifest(ctx, image)
    if (
        kept
        and kept.media_type == OCI_MANIFEST
        and [each.digest for each in kept.layers] == [each.digest for each in layers]
    ):
        return kept
    return new_manifest(await ctx.content.read(image.id), [describe(layer) for layer in layers], docker=False)


def _choose(ctx: Context, refs: Sequence[str]) -> dict[str, tuple[SavedName, ...]]:
    """Which images, by ID, and the names of each."""
    names: dict[str, dict[str, None]] = {}
    for ref in refs:
        repository = _repository(ctx, ref)
        tagged = [(image, tag) for image in ctx.store.images for tag in image.tags if tag.startswith(f"{repository}:")]
        if not tagged:
            image = find_image(ctx, ref)
            tagged = [(image, tag) for tag in image.tags if tag == _normalized(ctx, ref)]
            names.setdefault(image.id, {})
        for image, tag in tagged:
            names.setdefault(image.id, {})[tag] = None
    return {
        image_id: tuple(SavedName(full=tag, short=familiar(ctx, tag)) for tag in tags)
        for image_id, tags in names.items()
    }


def _repository(ctx: Context, ref: str) -> str:
    """The normalized repository that *ref* names without a tag or digest; "" for what does not."""
    if ":" in ref.rpartition("/")[2] or "@" in ref:
        return ""
    return _normalized(ctx, ref).rpartition(":")[0]


def _normalized(ctx: Context, ref: str) -> str:
    try:
        return normalize(ctx, ref)
    except InvalidArgument:
        return ""


async def _archive(
    images: Sequence[SavedImage], small: Mapping[str, bytes], blobs: Mapping[str, LayerBlob]
) -> AsyncGenerator[bytes]:
    yield _directory("blobs/") + _directory("blobs/sha256/")
    for digest, content in small.items():
        yield _file(blob_name(digest), content)
    for digest, blob in blobs.items():
        yield _header(blob_name(digest), blob.size)
        async for chunk in read_blob(blob):
            yield chunk
        yield bytes(padding(blob.size))
    for name, content in documents(images).items():
        yield _file(name, content)
    yield END


def _directory(name: str) -> bytes:
    return encode(Entry(name.encode(), Kind.DIRECTORY, 0o755))


def _header(name: str, size: int) -> bytes:
    return encode(Entry(name.encode(), size=size, stored=size))


def _file(name: str, content: bytes) -> bytes:
    return _header(name, len(content)) + content + bytes(padding(len(content)))
