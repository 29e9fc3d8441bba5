"""The volume driver `local`.

`<root>/<name>/_data` is the volume, as with Docker; `volume.json` beside it is its record, and `users/<container>` says
who has a volume with a device mounted: across restarts of the engine, and by name, so that no crash can miscount.
"""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import trio

from ck.kernel.archive.walk import remove_tree, tree_size
from ck.kernel.drivers.volume import DriverVolume
from ck.kernel.errors import Conflict, CorruptData, NotFound
from ck.plugins.builtin.volume_local._mounting import mount_volume, unmount_volume
from ck.plugins.builtin.volume_local._options import check_name, check_options, mount_request
from ck.plugins.builtin.volume_local._record import DATA, read_record, write_record

log: Final = logging.getLogger(__name__)

_USERS: Final = "users"
_TEMPORARY: Final = ".tmp-"  # no volume's name begins with a dot


class LocalVolumes:
    """See VolumeDriver."""

    name = "local"

    def __init__(self) -> None:
        self._root = Path()
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()

    async def open(self, root: Path) -> None:
        """See VolumeDriver."""
        self._root = await trio.to_thread.run_sync(_prepare, root)

    async def create(self, name: str, options: Mapping[str, str]) -> DriverVolume:
        """See VolumeDriver."""
        check_name(name)
        check_options(options)
        async with self._lock(name):
            return await trio.to_thread.run_sync(_create, self._root, name, dict(options))

    async def get(self, name: str) -> DriverVolume:
        """See VolumeDriver. Raises also: CorruptData."""
        return await trio.to_thread.run_sync(_get, self._root, name)

    async def list(self) -> Sequence[DriverVolume]:
        """See VolumeDriver."""
        return await trio.to_thread.run_sync(_list, self._root)

    async def mount(self, name: str, container_id: str) -> Path:
        """See VolumeDriver. Raises also: NotFound, Unavailable, Unsupported, InvalidArgument."""
        async with self._lock(name):
            return await trio.to_thread.run_sync(_mount, self._root, name, container_id)

    async def unmount(self, name: str, container_id: str) -> None:
        """See VolumeDriver."""
        check_name(name)
        async with self._lock(name):
            await trio.to_thread.run_sync(_unmount, self._root / name, container_id)

    async def usage(self, name: str) -> int:
        """See VolumeDriver."""
        volume = await self.get(name)
        return await trio.to_thread.run_sync(_size, volume.mountpoint)

    async def remove(self, name: str) -> None:
        """See VolumeDriver. Raises also: Conflict while a container has it mounted."""
        check_name(name)
        async with self._lock(name):
            await trio.to_thread.run_sync(_remove, self._root, name)

    async def close(self) -> None:
        """See VolumeDriver. What is mounted stays: containers outlive the engine."""

    def _lock(self, name: str) -> AbstractAsyncContextManager[None]:
        # One for each volume, because a mount may wait long for a server.
        return self._locks.setdefault(name, trio.Lock())


def _prepare(root: Path) -> Path:
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    for left in root.glob(f"{_TEMPORARY}*"):
        _remove_tree(left)
    # The kernel names mount points without symlinks.
    return root.resolve()


def _create(root: Path, name: str, options: dict[str, str]) -> DriverVolume:
    existing = read_record(root / name)
    if existing is None:
        if (root / name).exists():
            raise Conflict(f"{root / name} is in the way: it is not a volume")
        temporary = root / (_TEMPORARY + secrets.token_hex(8))
        temporary.mkdir(mode=0o711)
        (temporary / DATA).mkdir()
        (temporary / DATA).chmod(0o755)
        write_record(temporary, options, datetime.now(UTC))
        # One rename makes the volume, so that it is there whole or not at all.
        temporary.rename(root / name)
        _sync_directory(root)
        return _get(root, name)
    if existing.options != options:
        raise Conflict(f"volume {name!r} exists with other options: {dict(existing.options)}")
    return existing


def _get(root: Path, name: str) -> DriverVolume:
    check_name(name)
    volume = read_record(root / name)
    if volume is None:
        raise NotFound(f"no such volume: {name}")
    return volume


def _list(root: Path) -> list[DriverVolume]:
    volumes = []
    for directory in sorted(root.iterdir()):
        try:
            volume = read_record(directory)
        except CorruptData as error:
            # One damaged volume must not hide the others; asking for it by name tells the same.
            log.warning("%s; it is left out", error)
            continue
        if volume is not None and not directory.name.startswith(_TEMPORARY):
            volumes.append(volume)
    return volumes


def _mount(root: Path, name: str, container_id: str) -> Path:
    volume = _get(root, name)
    request = mount_request(volume.options)
    if request is not None:
        mount_volume(name, request, volume.mountpoint)
        users = root / name / _USERS
        users.mkdir(mode=0o700, exist_ok=True)
        (users / container_id).touch()
    return volume.mountpoint


def _unmount(directory: Path, container_id: str) -> None:
    (directory / _USERS / container_id).unlink(missing_ok=True)
    if (directory / _USERS).is_dir() and not _users(directory):
        unmount_volume(directory / DATA)


def _users(directory: Path) -> list[str]:
    users = directory / _USERS
    return sorted(os.listdir(users)) if users.is_dir() else []  # noqa: PTH208 names are all we want


def _remove(root: Path, name: str) -> None:
    directory = root / name
    if not directory.exists():
        return
    if users := _users(directory):
        raise Conflict(f"volume {name!r} is in use by {', '.join(users)}")
    # Unmounted first: what is on the device is not ours to delete.
    unmount_volume(directory / DATA)
    temporary = root / (_TEMPORARY + secrets.token_hex(8))
    directory.rename(temporary)
    _remove_tree(temporary)


def _remove_tree(path: Path) -> None:
    with _directory(path.parent) as parent:
        remove_tree(parent, os.fsencode(path.name))


def _sync_directory(path: Path) -> None:
    with _directory(path) as fd:
        os.fsync(fd)


def _size(path: Path) -> int:
    with _directory(path) as fd:
        return tree_size(fd)


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
