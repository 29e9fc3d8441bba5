"""`rmi` and `prune`: names go first, and the image with the last of them."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from ck.kernel.api.container import Container
from ck.kernel.api.image import Image, ImageRemoval
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.filters import Filters
from ck.kernel.engine.image_garbage import Dropped, drop, free, free_soon, sweep
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

    removals: tuple[ImageRemoval, ...] = ()
    space: int = 0


async def remove(ctx: Context, ref: str, *, force: bool) -> Sequence[ImageRemoval]:
    """Take a name away, and the image with its last one; or by its ID the image with all its names.

    As Docker does it (`docker image rm`; moby, daemon/images/image_delete.go). Raises: Conflict, saying who uses it.
    """
    async with ctx.image_records:
        image = find_image(ctx, ref)
        left = _left(ctx, image, ref, force=force)
        if left is not None:
            return await _untag(ctx, image, left)
        await _forget(ctx, image, USER)
    dropped = await drop(ctx, image, counted=False)
    free_soon(ctx, dropped)  # nobody need wait for that who only wants the image gone
    return _told(ctx, image, dropped).removals


def _left(ctx: Context, image: Image, ref: str, *, force: bool) -> Names | None:
    """The names that the image has after the removal of *ref*; None where it goes itself. Raises: Conflict."""
    names = Names(tags=image.tags, digests=image.digests)
    name = _name(ctx, image, ref)
    users = users_of(ctx, image)
    if not name:
        _check_unneeded(image, names, users, force=force)
        return None
    if names.single and not force and users:
        raise Conflict(
            f"conflict: unable to remove repository reference {ref!r} (must be forced) - container {_who(users[0])} is "
            f"using its image {image.id[7:19]}"
        )
    left = names.without(name)
    # Forced off a running container's image, the last name goes and the image stays, without any.
    return left if left.any or any(_runs(user) for user in users) else None


async def prune(ctx: Context, filters: Mapping[str, Sequence[str]]) -> Removed:
    """Remove untagged images that no container uses; with dangling=false, all that none uses. First goes whatever else
    nobody needs."""
    wanted = Filters(filters, {"dangling", "label", "label!", "until"})
    dangling, until = wanted.flag("dangling"), wanted.until(now())

    def may_go(image: Image) -> bool:
        if users_of(ctx, image) or (image.tags and dangling is not False):
            return False
        young = until is not None and image.created is not None and image.created > until
        return wanted.match_labels(image.config.labels) and not young

    removals: list[ImageRemoval] = []
    space = await sweep(ctx)
    for image_id in ctx.store.images.ids():
        gone = await delete(ctx, image_id, may_go)
        removals += gone.removals
        space += gone.space
    return Removed(removals=tuple(removals), space=space)


async def delete(ctx: Context, image_id: str, may_go: Callable[[Image], bool], *, cause: str = USER) -> Removed:
    """Remove an image, if it is there and *may_go*, and all that only it has stood on."""
    async with ctx.image_records:
        image = ctx.store.images.get(image_id)
        if image is None or not may_go(image):
            return Removed()
        await _forget(ctx, image, cause)
    dropped = await drop(ctx, image, counted=True)
    await free(ctx, dropped)
    return _told(ctx, image, dropped)


async def _forget(ctx: Context, image: Image, cause: str) -> None:
    await ctx.store.commit([Delete("image", image.id)], [image_event(ctx, "delete", image, "", cause=cause)])
    ctx.image_uses.pop(image.id, None)


def _told(ctx: Context, image: Image, dropped: Dropped) -> Removed:
    """That the image is gone, with all its names and what only it has stood on."""
    names = [ImageRemoval(untagged=familiar(ctx, name)) for name in (*image.tags, *image.digests)]
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


def _check_unneeded(image: Image, names: Names, users: Sequence[Container], *, force: bool) -> None:
    """Whether an image may go by its ID. Raises: Conflict."""
    running = [user for user in users if _runs(user)]
    if running:
        how, why = "cannot be forced", f"image is being used by running container {running[0].id[:12]}"
    elif force:
        return
    elif not names.single:
        how, why = "must be forced", "image is referenced in multiple repositories"
    elif users:
        how, why = "must be forced", f"image is being used by stopped container {users[0].id[:12]}"
    else:
        return
    raise Conflict(f"conflict: unable to delete {image.id[7:19]} ({how}) - {why}")


def _who(container: Container) -> str:
    return f"{container.id[:12]} ({'running' if _runs(container) else 'stopped'})"


def _runs(container: Container) -> bool:
    return container.state.status in ACTIVE
