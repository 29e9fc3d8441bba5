"""How a container's wanted mounts become real ones, and are made ready for each run."""

import os
import pwd
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs
import trio

from ck.kernel.api.caller import CALLER
from ck.kernel.api.container import Container, MountPoint
from ck.kernel.archive.directories import open_in_root
from ck.kernel.archive.stage import opened
from ck.kernel.engine.archives import copy_up
from ck.kernel.engine.context import Context
from ck.kernel.engine.mounts import Wanted
from ck.kernel.engine.names import new_id
from ck.kernel.engine.rootview import in_root
from ck.kernel.engine.spec_mounts import Bind
from ck.kernel.engine.volumes import Volumes
from ck.kernel.errors import InvalidArgument
from ck.kernel.linux.mount import clone_tree
from ck.kernel.linux.mountinfo import file_system_of
from ck.kernel.store_records import VolumeRecord


async def realize(
    ctx: Context, volumes: Volumes, container: Container, wanted: Sequence[Wanted], anonymous: list[str]
) -> list[MountPoint]:
    """Make the volumes that *wanted* names, copy up what the image has, and return the container's mounts.

    Names of anonymous volumes are appended to *anonymous* as they are made, so that a failed create can forget them.
    """
    points = []
    for mount in wanted:
        if mount.request.type == "volume":
            points.append(await _realize_volume(ctx, volumes, container, mount, anonymous))
        elif mount.request.type == "bind":
            points.append(await _realize_bind(mount))
        else:
            points.append(_tmpfs_point(mount))
    return points


async def mount_all(ctx: Context, container: Container) -> list[Bind]:
    """Make the container's mounts ready for a run. Raises: InvalidArgument where a source is gone."""
    binds: list[Bind] = []
    with ExitStack() as undo:
        for point in container.mounts:
            bind = await _make_ready(ctx, container, point)
            if bind.tree is not None:
                undo.callback(os.close, bind.tree)
            binds.append(bind)
        undo.pop_all()
    return binds


async def _make_ready(ctx: Context, container: Container, point: MountPoint) -> Bind:
    if point.type == "tmpfs":
        return Bind(source="", target=point.destination, tmpfs=point.options)
    source, tree = Path(point.source), None
    if point.type == "volume":
        source = await ctx.volume_driver(point.driver).mount(point.name, container.id)
    if not await trio.Path(source).exists():
        raise InvalidArgument(f"the source of mount {point.destination} does not exist: {source}")
    if point.subpath:
        tree = await trio.to_thread.run_sync(tree_below, source, point.subpath)
    elif point.beneath:
        top = Path(point.beneath)
        tree = await trio.to_thread.run_sync(tree_below, top, str(source.relative_to(top)))
    return Bind(
        source=str(source) if tree is None else f"/proc/{os.getpid()}/fd/{tree}",
        tree=tree,
        target=point.destination,
        read_only=not point.read_write,
        propagation=point.propagation or "rprivate",
        recursive=not point.non_recursive,
        writable_below=point.writable_below,
        owner=point.owner,
        owner_alone=point.owner_alone,
    )


def tree_below(top: Path, subpath: str) -> int:
    """A detached copy (an fd) of the mount at *subpath* in the directory *top*. Links in it, which any container may
    have made and may change meanwhile, cannot lead out.

    Blocks. Raises: InvalidArgument where there is no such thing.
    """
    with opened(top) as directory:
        try:
            found = open_in_root(directory, os.fsencode(subpath), os.O_PATH)
        except OSError as error:
            raise InvalidArgument(f"cannot use subpath {subpath!r} of {top}: {error.strerror}") from error
        try:
            return clone_tree("", directory=found, recursive=True)
        finally:
            os.close(found)


async def unmount_all(ctx: Context, container: Container) -> None:
    """Undo `mount_all`."""
    for point in container.mounts:
        if point.type == "volume":
            await ctx.volume_driver(point.driver).unmount(point.name, container.id)


async def _realize_volume(
    ctx: Context, volumes: Volumes, container: Container, mount: Wanted, anonymous: list[str]
) -> MountPoint:
    request = mount.request
    name = request.source or new_id()
    record = ctx.store.volumes.get(name) or VolumeRecord(
        name=name,
        driver=request.volume_driver or ctx.config.default.volume,
        options=dict(request.volume_options),
        labels=dict(request.volume_labels),
        anonymous=not request.source,
        owner="" if request.source else container.id,
    )
    if not request.source:
        anonymous.append(name)
    made = await volumes.make(record)
    if not request.no_copy and not record.options.get("device"):
        await _copy_up(ctx, container, request.target, made.mountpoint)
    return MountPoint(
        type="volume",
        name=name,
        source=str(made.mountpoint),
        destination=request.target,
        driver=record.driver,
        mode=mount.mode,
        read_write=not request.read_only,
        subpath=request.subpath,
        anonymous=record.anonymous,
    )


async def _copy_up(ctx: Context, container: Container, target: str, directory: Path) -> None:
    """Fill a volume that is still empty with what the image has at *target*."""
    if not await trio.to_thread.run_sync(lambda: any(directory.iterdir())):
        mounts = await ctx.storage.mounts(container.id)
        await in_root(mounts, (), lambda root: copy_up(root, target, directory), read_only=True)


async def _realize_bind(mount: Wanted) -> MountPoint:
    request = mount.request
    if mount.inherited is not None:  # with all that it was confined to
        return attrs.evolve(mount.inherited, mode=mount.mode, read_write=not request.read_only)
    source = trio.Path(request.source)
    exists = await source.exists()
    if request.target == "/proc" and not (exists and await trio.to_thread.run_sync(_is_procfs, Path(source))):
        raise InvalidArgument(f"{source} cannot be mounted at /proc: it is no procfs")
    if not exists:
        if not request.create_source:
            raise InvalidArgument(
                f'invalid mount config for type "bind": bind source path does not exist: {request.source}'
            )
        await source.mkdir(parents=True, exist_ok=True)
    status = await source.stat()
    return MountPoint(
        type="bind",
        source=request.source,
        destination=request.target,
        mode=mount.mode,
        read_write=not request.read_only,
        propagation=request.propagation or "rprivate",
        non_recursive=request.non_recursive,
        writable_below=request.writable_below,
        owner=_owner(CALLER.get().uid, status) if request.id_map else None,
        owner_alone=request.id_map_alone,
        beneath=request.beneath,
    )


def _is_procfs(path: Path) -> bool:
    return file_system_of(path) == "proc"


def _owner(caller: int, source: os.stat_result) -> tuple[int, int] | None:
    """Whose is what the container's root makes there: the caller's; where that is root, the owner's of the source."""
    if caller == 0:
        return (source.st_uid, source.st_gid) if source.st_uid else None
    try:
        return caller, pwd.getpwuid(caller).pw_gid
    except KeyError:
        return caller, caller


def _tmpfs_point(mount: Wanted) -> MountPoint:
    request = mount.request
    options = [f"mode={request.tmpfs_mode or 0o1777:o}", *request.tmpfs_options]
    if request.tmpfs_size:
        options.append(f"size={request.tmpfs_size}")
    if request.read_only:
        options.append("ro")
    return MountPoint(
        type="tmpfs", destination=request.target, options=tuple(options), read_write=not request.read_only
    )
