"""An image that is made here, of layers that are stored: its config, its record and its name."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from ck.kernel.api.container import ContainerConfig
from ck.kernel.api.image import HistoryEntry, Image
from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.registry import Platform
from ck.kernel.engine.context import Context
from ck.kernel.engine.image_collect import collect_soon
from ck.kernel.engine.image_config import read_image
from ck.kernel.engine.image_garbage import blobs_of
from ck.kernel.engine.image_layer import MadeLayer
from ck.kernel.engine.image_record import image_event, record_image
from ck.kernel.engine.image_write import write_image


@attrs.frozen(kw_only=True)
class Base:
    """What an image is made on: the config of another, and the layers of that, lowest first."""

    document: Mapping[str, Any]
    diff_ids: tuple[str, ...] = ()
    layer_sizes: tuple[int, ...] = ()
    layer_blobs: tuple[str, ...] = ()


def scratch(platform: Platform) -> Base:
    """Nothing."""
    variant = {"variant": platform.variant} if platform.variant else {}
    return Base(document={"os": platform.os, "architecture": platform.architecture, **variant})


async def base_of(ctx: Context, image: Image) -> Base:
    """Raises: NotFound, CorruptData."""
    return Base(
        document=json.loads(await ctx.content.read(image.id)),
        diff_ids=image.diff_ids,
        layer_sizes=image.layer_sizes,
        layer_blobs=image.layer_blobs or ("",) * len(image.diff_ids),
    )


async def make_image(
    ctx: Context,
    base: Base,
    layers: Sequence[MadeLayer],
    config: ContainerConfig,
    history: Sequence[HistoryEntry],
    *,
    created: datetime,
    author: str = "",
    action: str = "tag",
    tag: str = "",
) -> Image:
    """Record the image of *base* with *layers* on top, under the normalized name *tag*, "" for none. The caller has
    leases of the layers. *action* is the event's."""
    raw = write_image(
        base.document,
        config,
        diff_ids=(*base.diff_ids, *(layer.diff_id for layer in layers)),
        history=history,
        created=created,
        author=author,
    )
    image_id = sha256_digest(raw)
    sizes = (*base.layer_sizes, *(layer.size for layer in layers))
    known = ctx.store.images.get(image_id)
    async with ctx.leases.hold([image_id, *(blobs_of(known) if known else ())]):
        await ctx.content.add(raw)
        if known is not None and ctx.store.images.get(image_id) is not None:
            image = known  # of the same layers, so what is known of it is as good, and it may have more names
        else:
            image = attrs.evolve(
                read_image(image_id, raw),
                layer_sizes=sizes,
                layer_blobs=(*base.layer_blobs, *(layer.blob for layer in layers)),
                size=sum(sizes),
            )
        await record_image(ctx, image, image_event(ctx, action, image, tag), tag=tag)
        collect_soon(ctx)
        return image
