"""`cp` and its kin: files in and out of a container.

They work in its own root where it runs, else in one mounted for the purpose.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import trio

from ck.kernel.api.container import Container, PathStat
from ck.kernel.archive.owners import HOST, Owners
from ck.kernel.engine import archives
from ck.kernel.engine.container_mounts import tree_below
from ck.kernel.engine.context import Context
from ck.kernel.engine.passwd import owner_in
from ck.kernel.engine.rootview import Bind, in_bare_root, in_root, in_running_root
from ck.kernel.errors import Forbidden
from ck.kernel.lifecycle import ACTIVE
from ck.kernel.linux.mount import clone_tree

T = TypeVar("T")


class Files:
    """The files of one container. Paths are the container's own, links resolved inside its root."""

    def __init__(self, ctx: Context, container: Container) -> None:
        self._ctx, self._container = ctx, container

    async def stat(self, path: str) -> PathStat:
        """Raises: NotFound, InvalidArgument."""
        return await self._view(lambda root: archives.stat_path(root, path))

    @asynccontextmanager
    async def get(self, path: str) -> AsyncIterator[tuple[PathStat, AsyncIterator[bytes]]]:
        """What *path* is, and a tar of it. Raises: NotFound, InvalidArgument."""
        owners = self._owners
        produce = lambda root: (archives.stat_path(root, path), archives.pack_path(root, path, owners))  # noqa: E731
        async with archives.streaming(self._view, produce) as (status, chunks):
            yield status, chunks

    def export(self) -> AbstractAsyncContextManager[tuple[None, AsyncIterator[bytes]]]:
        """A tar of its root as its storage driver has it: without volumes and whatever else is mounted there."""
        owners = self._owners
        return archives.streaming(self._bare_view, lambda root: (None, archives.pack_root(root, owners)))

    async def put(self, path: str, tar: BinaryIO, *, no_overwrite_dir_non_dir: bool, copy_uid_gid: bool) -> None:
        """Unpack *tar* into the directory *path*; with *copy_uid_gid* all of it belongs to the container's user.

        Raises: NotFound, InvalidArgument, Forbidden for a read-only root.
        """
        if self._container.host_config.readonly_rootfs and not self._below_a_volume(path):
            raise Forbidden(f"container {self._container.name} has a read-only root: cannot write {path}")

        owners = self._owners

        def unpack(root: int) -> None:
            owner = owner_in(root, self._container.config.user) if copy_uid_gid else None
            archives.unpack_at(
                root, path, tar, no_overwrite_dir_non_dir=no_overwrite_dir_non_dir, owner=owner, owners=owners
            )

        await self._view(unpack)

    async def _view(self, work: Callable[[int], T]) -> T:
        if self._is_running():
            return await in_running_root(self._ctx.runs[self._container.id].runtime.pid, work, self._owners)
        binds = await trio.to_thread.run_sync(self._binds)
        return await in_root(await self._ctx.storage.mounts(self._container.id), binds, work)

    async def _bare_view(self, work: Callable[[int], T]) -> T:
        if self._is_running():
            return await in_bare_root(self._ctx.runs[self._container.id].runtime.pid, work)
        return await in_root(await self._ctx.storage.mounts(self._container.id), (), work, read_only=True)

    @property
    def _owners(self) -> Owners:
        """In a running container's root its files are shown as those of its users; on disk their IDs are its own."""
        users = self._container.users
        if users is None or not self._is_running():
            return HOST
        return Owners(first=users.first, size=users.size, others=users.others)

    def _is_running(self) -> bool:
        run = self._ctx.runs.get(self._container.id)
        return run is not None and self._container.state.status in ACTIVE and not run.output_ended.is_set()

    def _binds(self) -> list[Bind]:
        """Blocks. Raises: InvalidArgument, OSError."""
        binds: list[Bind] = []
        try:
            for point in self._container.mounts:
                if point.type == "tmpfs":
                    continue
                top = Path(point.source)
                if point.beneath:
                    tree = tree_below(Path(point.beneath), str(top.relative_to(point.beneath)))
                elif point.subpath:
                    tree = tree_below(top, point.subpath)
                else:
                    tree = clone_tree(point.source, recursive=True)
                binds.append(Bind(tree, point.destination, not point.read_write))
        except BaseException:
            for bind in binds:
                os.close(bind.tree)
            raise
        return binds

    def _below_a_volume(self, path: str) -> bool:
        return any(
            point.read_write and (path == point.destination or path.startswith(point.destination + "/"))
            for point in self._container.mounts
        )
