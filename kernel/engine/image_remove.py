"""`rmi` and `prune`: names go first, and the image with the last of them."""

from collections.abc import Mapping, Sequence

import attrs

from ck.kernel.api.container import Container
from ck.kernel.api.image import Image, ImageRemoval
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.image_garbage import drop, sweep
from ck.kernel.engine.image_names import Names
from ck.kernel.engine.image_record import image_event
from ck.kernel.engine.image_store import familiar, find_image, normalize
from ck.kernel.errors import Conflict, InvalidArgument
from ck.kernel.events import USER
from ck.kernel.lifecycle import ACTIVE
from ck.kernel.store_records import Delete, Put


@attrs.frozen(kw_only=True)
class Removed:
    """What a removal did, and the bytes of the disk that it freed."""

    removals: tuple[ImageRemoval, ...]
    space: int = 0


async def remove(ctx: Context, ref: str, *, force: bool) -> Sequence[ImageRemoval]:
    """Take a name away, and the image with its last one; or by its ID the image with all its names.

    As Docker does it (`docker image rm`; moby, daemon/images/image_delete.go). Raises: Conflict, saying who uses it.
    """
    image = find_image(ctx, ref)
    names = Names(tags=image.tags, digests=image.digests)
    name = _name(ctx, image, ref)
    users = users_of(ctx, image)
    if not name:
        if not names.single and not force:
            raise Conflict(
                f"conflict: unable to delete {ref} (must be forced) - image is referenced in multiple repositories"
            )
        _check_unused(image, ref, users, force=force)
        return (await delete(ctx, image)).removals
    if names.single and not force:
        _check_unused(image, ref, users, force=False)
    left = names.without(name)
    # Forced off a running container's image, the last name goes and the image stays, without any.
    if left.any or any(_runs(user) for user in users):
        return await _untag(ctx, image, left)
    return (await delete(ctx, image)).removals


async def prune(ctx: Context, filters: Mapping[str, Sequence[str]]) -> Removed:
    """Remove untagged images that no container uses; with dangling=false, all that none uses. Then whatever else
    nobody needs."""
    wanted = Filters(filters, {"dangling", "label", "label!", "until"})
    dangling, until = wanted.flag("dangling"), wanted.until(now())
    removals: list[ImageRemoval] = []
    space = await sweep(ctx)
    for image in list(ctx.store.images):
        # Looked at again: a delete before this one has waited, and others have worked meanwhile.
        current = ctx.store.images.get(image.id)
        if current is None or users_of(ctx, current) or (current.tags and dangling is not False):
            continue
        if not wanted.match_labels(current.config.labels):
            continue
        if until is not None and current.created is not None and current.created > until:
            continue
        gone = await delete(ctx, current)
        removals += gone.removals
        space += gone.space
    return Removed(removals=tuple(removals), space=space)


async def delete(ctx: Context, image: Image, *, cause: str = USER) -> Removed:
    """Remove the record of *image*, then all that only it has stood on."""
    names = [ImageRemoval(untagged=familiar(ctx, name)) for name in (*image.tags, *image.digests)]
    await ctx.store.commit([Delete("image", image.id)], [image_event(ctx, "delete", image, "", cause=cause)])
    dropped = await drop(ctx, image)
    layers = [ImageRemoval(deleted=chain_id) for chain_id in dropped.chain_ids]
    return Removed(removals=(*names, ImageRemoval(deleted=image.id), *layers), space=dropped.space)


def users_of(ctx: Context, image: Image) -> Sequence[Container]:
    """The containers that were made of *image*."""
    return [container for container in ctx.store.containers if container.image_id == image.id]


def _name(ctx: Context, image: Image, ref: str) -> str:
    """The one of the image's names that *ref* is, normalized; "" where it is its ID."""
    if ref.startswith("sha256:"):
        return ""
    try:
        normalized = normalize(ctx, ref)
    except InvalidArgument:
        return ""
    return normalized if normalized in (*image.tags, *image.digests) else ""


async def _untag(ctx: Context, image: Image, left: Names) -> Sequence[ImageRemoval]:
    gone = [name for name in (*image.tags, *image.digests) if name not in (*left.tags, *left.digests)]
    events = [image_event(ctx, "untag", image, name) for name in gone]
    await ctx.store.commit([Put(image.id, attrs.evolve(image, tags=left.tags, digests=left.digests))], events)
    return [ImageRemoval(untagged=familiar(ctx, name)) for name in gone]


def _check_unused(image: Image, ref: str, users: Sequence[Container], *, force: bool) -> None:
    for container in users:
        running = _runs(container)
        if running or not force:
            how = "cannot be forced" if running and force else "must be forced"
            state = "running" if running else "stopped"
            raise Conflict(
                f"conflict: unable to remove repository reference {ref!r} ({how}) - "
                f"container {container.id[:12]} ({state}) is using its image {image.id[7:19]}"
            )


def _runs(container: Container) -> bool:
    return container.state.status in ACTIVE
