"""What images take on the disk: layers and kept blobs, each counted once."""

from collections import Counter
from collections.abc import Iterator

from ck.kernel.api.image import CachedStep, Image, ImageUsage
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_garbage import blobs_of
from ck.kernel.errors import NotFound
from ck.kernel.store_records import CacheRecord

_Part = tuple[str, str]
"""What an image is made of: "layer" and a chain ID, or "blob" and a digest, which may be the same digits."""


class ImageDisk:
    """Measures, and remembers the layers: they never change, and to measure one takes as long as it is large."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._layers: dict[str, int] = {}

    async def measure(self) -> tuple[dict[str, ImageUsage], int, int, tuple[CachedStep, ...]]:
        """By image ID; bytes of all that is stored but for what only the build cache has, and of that part of it which
        no container needs; the build cache."""
        ctx = self._ctx
        sizes = await self._sizes()
        partial = sum(blob.disk for blob in await ctx.content.partials() if blob.digest not in ctx.leases.held())
        images = list(ctx.store.images)
        takers = Counter(part for image in images for part in set(_parts(image)))
        usages = {image.id: _usage(image, sizes, takers) for image in images}
        needed = self._needed()
        steps = tuple(_step(record, sizes, takers) for record in ctx.store.cache)
        cached = {part for record in ctx.store.cache for part in _cached(record) if part not in takers}
        rest = {part: size for part, size in sizes.items() if part not in cached or part in needed}
        free = sum(size for part, size in rest.items() if part not in needed)
        return usages, sum(rest.values()) + partial, free + partial, steps

    def _needed(self) -> set[_Part]:
        ctx = self._ctx
        in_use = {container.image_id for container in ctx.store.containers}
        needed = {part for image in ctx.store.images if image.id in in_use for part in _parts(image)}
        needed |= {("layer", chain) for container in ctx.store.containers for chain in container.layers}
        return needed | {(kind, held) for held in ctx.leases.held() for kind in ("layer", "blob")}

    async def _sizes(self) -> dict[_Part, int]:
        ctx = self._ctx
        present = await ctx.storage.layers()
        known = {chain: self._layers[chain] for chain in present if chain in self._layers}
        for chain in present:
            if chain not in known:
                try:
                    known[chain] = await ctx.storage.layer_disk(chain)
                except NotFound:  # removed meanwhile
                    continue
        self._layers = known
        blobs = {("blob", blob.digest): blob.disk for blob in await ctx.content.blobs()}
        return {**{("layer", chain): size for chain, size in known.items()}, **blobs}


def _parts(image: Image) -> Iterator[_Part]:
    yield from (("layer", chain) for chain in image.chain_ids)
    yield from (("blob", digest) for digest in blobs_of(image))


def _cached(record: CacheRecord) -> Iterator[_Part]:
    yield from (("layer", chain) for chain in record.chain)
    if record.blob:
        yield "blob", record.blob


def _step(record: CacheRecord, sizes: dict[_Part, int], takers: Counter[_Part]) -> CachedStep:
    layer: _Part = ("layer", record.chain[-1])
    return CachedStep(
        key=record.key,
        description=record.description,
        size=sizes.get(layer, 0) + (sizes.get(("blob", record.blob), 0) if record.blob else 0),
        shared=layer in takers,
        created=record.created,
        used=record.used,
        uses=record.uses,
    )


def _usage(image: Image, sizes: dict[_Part, int], takers: Counter[_Part]) -> ImageUsage:
    parts = {part: sizes.get(part, 0) for part in _parts(image)}
    return ImageUsage(size=sum(parts.values()), shared=sum(size for part, size in parts.items() if takers[part] > 1))
