"""`pack`: an image of this machine's programs, under names of the user's."""

from collections.abc import Sequence

import attrs
import trio

from ck.kernel.api.image import Progress
from ck.kernel.drivers.registry import Packing, ProgramPacker
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_collect import collect_soon
from ck.kernel.engine.image_fetch import ImageFetch
from ck.kernel.engine.image_pull import host_platform
from ck.kernel.engine.image_record import image_event, record_image
from ck.kernel.engine.image_store import new_tag, registry_for
from ck.kernel.errors import InvalidArgument, Unsupported


async def pack(ctx: Context, packing: Packing, tags: Sequence[str]) -> str:
    """Make the image of *packing*, called *tags*; return its ID.

    Raises: NotFound for a program that is not there, InvalidArgument, Unsupported where no driver makes such images.
    """
    driver = next((each for each in ctx.registries if isinstance(each, ProgramPacker)), None)
    if driver is None:
        raise Unsupported("no registry driver that packs programs is loaded")
    _check(packing)
    names = [_name(ctx, tag) for tag in tags]
    tell, _ = trio.open_memory_channel[Progress](0)  # nobody watches: it is a matter of a second or two
    async with driver.packed(packing) as source:
        manifest = await source.manifest(host_platform())
        async with ImageFetch(ctx, tell).fetched(source, manifest) as image:
            known = ctx.store.images.get(image.id)
            made = attrs.evolve(image, manifest_digest=(known and known.manifest_digest) or manifest.digest)
            for name in names or [""]:
                await record_image(ctx, made, image_event(ctx, "pack", image, name), tag=name)
            collect_soon(ctx)
            return image.id


def _check(packing: Packing) -> None:
    if not packing.programs:
        raise InvalidArgument("no program is named that an image is to be made of")
    for variable in packing.env:
        if not all(variable.partition("=")[:2]):
            raise InvalidArgument(f"invalid environment variable {variable!r}: it must be NAME=VALUE")


def _name(ctx: Context, tag: str) -> str:
    name = new_tag(ctx, tag)
    if not name:
        raise InvalidArgument("an image cannot have the empty name")
    if registry_for(ctx, name).local:
        raise InvalidArgument(f"{tag!r} names something of this machine's: give the image a name of its own")
    return name
