"""What is known of layers that came from registries or went there: as which blobs, and where those are."""

from collections.abc import Mapping, Sequence

import attrs

from ck.kernel.drivers.registry import Descriptor
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_store import kept_manifest


@attrs.frozen(kw_only=True)
class Origins:
    """`blobs` by diff ID; `repositories` (normalized, without tag) by the digest of a blob."""

    blobs: Mapping[str, Sequence[Descriptor]]
    repositories: Mapping[str, Sequence[str]]


async def read_origins(ctx: Context) -> Origins:
    """Of all images that are here."""
    blobs: dict[str, dict[str, Descriptor]] = {}
    repositories: dict[str, dict[str, None]] = {}
    for image in list(ctx.store.images):
        manifest = await kept_manifest(ctx, image)
        if manifest is None or len(manifest.layers) != len(image.diff_ids):
            continue
        for diff_id, layer in zip(image.diff_ids, manifest.layers, strict=True):
            blobs.setdefault(diff_id, {})[layer.digest] = layer
            for name in image.digests:
                repositories.setdefault(layer.digest, {})[name.partition("@")[0]] = None
    return Origins(
        blobs={diff_id: tuple(found.values()) for diff_id, found in blobs.items()},
        repositories={digest: tuple(found) for digest, found in repositories.items()},
    )
