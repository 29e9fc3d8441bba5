"""Images by what people call them."""

from ck.kernel.api.image import Image
from ck.kernel.drivers.manifest import read_manifest
from ck.kernel.drivers.registry import Manifest, RegistryDriver
from ck.kernel.engine.context import Context
from ck.kernel.engine.names import by_prefix
from ck.kernel.errors import InvalidArgument, NotFound


def registry_for(ctx: Context, reference: str) -> RegistryDriver:
    """The driver that claims *reference*. Raises: InvalidArgument where none does."""
    for driver in ctx.registries:
        if driver.claims(reference):
            return driver
    raise InvalidArgument(f"invalid reference format: {reference!r}")


def normalize(ctx: Context, reference: str) -> str:
    """The one spelling under which an image is kept. Raises: InvalidArgument."""
    return registry_for(ctx, reference).normalize(reference)


def new_tag(ctx: Context, target: str) -> str:
    """The normalized form of a name that is to be given, "" for none. Raises: InvalidArgument."""
    if not target:
        return ""
    normalized = normalize(ctx, target)
    if "@" in normalized:
        raise InvalidArgument(f"refusing to create a tag with a digest reference: {target!r}")
    if familiar(ctx, normalized).startswith("sha256:"):
        raise InvalidArgument(f"refusing to create an ambiguous tag using digest algorithm as name: {target!r}")
    return normalized


def familiar(ctx: Context, normalized: str) -> str:
    """The short spelling that people use."""
    return registry_for(ctx, normalized).familiar(normalized)


async def kept_manifest(ctx: Context, image: Image) -> Manifest | None:
    """The manifest that *image* came with, or went out with last; None for one that has none."""
    if not image.manifest_digest or not await ctx.content.has(image.manifest_digest):
        return None
    kept = read_manifest(await ctx.content.read(image.manifest_digest), digest=image.manifest_digest)
    return kept if isinstance(kept, Manifest) else None


def find_exact(ctx: Context, ref: str) -> Image | None:
    """By ID (as `find_image`, but in full), tag or digest; None where there is none, or *ref* is malformed."""
    images = ctx.store.images
    by_id = images.get(f"sha256:{ref.removeprefix('sha256:')}")
    if by_id is not None or ref.startswith("sha256:"):
        return by_id
    try:
        normalized = normalize(ctx, ref)
    except InvalidArgument:
        return None
    return next((image for image in images if normalized in image.tags or normalized in image.digests), None)


def find_image(ctx: Context, ref: str) -> Image:
    """By ID ("sha256:..." or its hex digits, also shortened), tag or digest.

    Raises: NotFound, Conflict, InvalidArgument.
    """
    if not ref:
        raise InvalidArgument("no image is named")
    if (exact := find_exact(ctx, ref)) is not None:
        return exact
    images = ctx.store.images
    digits = ref.removeprefix("sha256:")
    prefixed = by_prefix(digits, [image_id.removeprefix("sha256:") for image_id in images.ids()], "image")
    found = images.get(f"sha256:{prefixed}") if prefixed else None
    if found is None:
        if not ref.startswith("sha256:"):
            normalize(ctx, ref)  # a malformed reference is told as such
        raise NotFound(f"No such image: {ref}")
    return found
