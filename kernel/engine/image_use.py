"""When images were used last: what of them goes first where there is no space."""

from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from ck.kernel.api.image import Image
from ck.kernel.engine.context import Context, now
from ck.kernel.store_records import Put

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_RECORDED: Final = timedelta(hours=1)


def last_use(ctx: Context, image: Image) -> datetime:
    """When *image* came here or got a name, or a container was made of it or removed; the newest of these."""
    known = (ctx.image_uses.get(image.id), image.last_used)
    return max((time for time in known if time is not None), default=_NEVER)


def note_use(ctx: Context, image_id: str) -> None:
    """An image is used at this moment."""
    ctx.image_uses[image_id] = now()


async def record_use(ctx: Context, image_id: str) -> None:
    """The same, so that the next engine knows as well. To the hour only: a commit for each container would cost every
    one of them more than anybody gains."""
    note_use(ctx, image_id)
    if is_stale(ctx.store.images.get(image_id)):
        async with ctx.image_records:
            image = ctx.store.images.get(image_id)
            if image is not None:
                await ctx.store.commit([Put(image_id, attrs.evolve(image, last_used=now()))], [])


def is_stale(image: Image | None) -> bool:
    """Whether the next engine would take *image* for one that was not used for long."""
    return image is not None and (image.last_used is None or now() - image.last_used > _RECORDED)
