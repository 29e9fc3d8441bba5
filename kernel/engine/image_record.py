"""Putting an image into the store, under a name that another image may have had."""

import attrs

from ck.kernel.api.image import Image
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_store import familiar
from ck.kernel.engine.image_use import is_stale, note_use
from ck.kernel.errors import NotFound
from ck.kernel.events import USER, Event, Noun
from ck.kernel.store_records import Change, Put


async def record_image(ctx: Context, image: Image, event: Event, *, tag: str = "", digest: str = "") -> bool:
    """Commit *image*, with *event*, and the normalized names *tag* and *digest* ("" for none) added to those that it
    has; an image that had the tag loses it. The caller has leases of all that it needs. Return whether anything is
    new."""
    async with ctx.image_records:
        return await _record(ctx, image, event, tag, digest)


async def tag_image(ctx: Context, image_id: str, tag: str) -> None:
    """Give an image the further normalized name *tag*. Raises: NotFound where it is gone."""
    async with ctx.image_records:
        image = ctx.store.images.get(image_id)
        if image is None:
            raise NotFound(f"No such image: {image_id}")
        await _record(ctx, image, image_event(ctx, "tag", image, tag), tag, "")


async def _record(ctx: Context, image: Image, event: Event, tag: str, digest: str) -> bool:
    known = ctx.store.images.get(image.id)
    lost = _lose(ctx, image.id, tag)
    old = known is image and image.storage_driver == ctx.storage.name and not is_stale(image)
    if old and not lost and {tag, digest} <= {"", *image.tags, *image.digests}:
        # As of a build that has found all in the cache: nothing but the event is new.
        note_use(ctx, image.id)
        await ctx.store.commit([], [event])
        return False
    tags = {*(known.tags if known else ()), *([tag] if tag else ())}
    digests = {*(known.digests if known else ()), *([digest] if digest else ())}
    made = attrs.evolve(
        image,
        tags=tuple(sorted(tags)),
        digests=tuple(sorted(digests)),
        storage_driver=ctx.storage.name,
        last_used=now(),
    )
    await ctx.store.commit([Put(made.id, made), *lost], [event])
    return known is None or (tag or digest) not in (*known.tags, *known.digests)


def image_event(ctx: Context, action: str, image: Image, name: str, *, cause: str = USER) -> Event:
    """What happened to *image*, called by the normalized *name*, or "" for its ID."""
    attributes = {**image.config.labels, "name": familiar(ctx, name) if name else image.id}
    return ctx.event(Noun.IMAGE, action, image.id, attributes, cause=cause)


def _lose(ctx: Context, image_id: str, tag: str) -> list[Change]:
    return [
        Put(other.id, attrs.evolve(other, tags=tuple(each for each in other.tags if each != tag)))
        for other in ctx.store.images
        if tag in other.tags and other.id != image_id
    ]
