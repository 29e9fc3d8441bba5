"""The mounts of layers: one for each, made when it is first needed, shared by all containers on it.

    <root>/mounts/         a tmpfs: the places of mounts, which vanish with it
    <root>/mounts/<name>   one layer

They stay when the engine is killed, and the next one finds them. One mount for each layer, because a second one of the
same file would be another file system to the kernel, with a cache of its own.

A mount namespace that somebody makes of ours gets copies of all this. So that none of them keeps a removed layer's
file: the tmpfs shares its mounts with those copies, and what is unmounted here goes there too
(Documentation/filesystems/sharedsubtree.rst).
"""

import os
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from ck.kernel.errors import CorruptData, Unavailable
from ck.kernel.linux.mount import (
    MNT_DETACH,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_SHARED,
    attach,
    new_tree,
    set_propagation,
    umount,
)

MOUNTS: Final = "mounts"


def mount_file(path: Path, length: int, place: Path) -> None:
    """Mount the image in the file *path*, of *length* bytes, on the directory *place*.

    Raises: CorruptData if the file is not as long: what is lost of an image shows when it is read, or not at all.
    OSError where the kernel cannot mount.
    """
    # By a handle, since the kernel takes 255 bytes of path; and not mount(8), which might put a loop device between.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(fd).st_size
        if found != length:
            raise CorruptData(f"the image of the layer in {path} has {found} bytes and not {length}")
        attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
        _attach_at(new_tree("erofs", {"source": f"/proc/self/fd/{fd}"}, attributes), place)
    finally:
        os.close(fd)


class LayerMounts:
    """The mounts below one directory. Every method blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root / MOUNTS
        self._lock = Lock()
        self._device = -1  # of the tmpfs

    def open(self, known: Set[str]) -> None:
        """Make the place for mounts, or find it; drop those that none of the names *known* is of."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        if not self._is_open():
            _attach_at(new_tree("tmpfs", {"source": "ck", "mode": "0700"}), self._root)
            # First private: it may have come up as one of the group that the directory's mount is of.
            set_propagation(str(self._root), MS_PRIVATE)
            set_propagation(str(self._root), MS_SHARED)
        self._device = self._root.stat().st_dev
        for path in self._root.iterdir():
            if path.name not in known:
                self.remove(path.name)

    def require(self, name: str, image: Path, length: int) -> None:
        """Have the layer *name* mounted. Raises: CorruptData, Unavailable."""
        with self._lock:  # or two that need it at once would mount it twice
            if self._is_mounted(name):
                return
            place = self._root / name
            place.mkdir(exist_ok=True)
            try:
                mount_file(image, length, place)
            except FileNotFoundError as error:
                raise CorruptData(f"the image of the layer in {image} is missing") from error
            except OSError as error:
                raise Unavailable(f"cannot mount the layer in {image}: {error.strerror or error}") from error

    def remove(self, name: str) -> None:
        """Unmount the layer *name*, if it is mounted. Containers that run on it go on: their overlays have mounts of
        their own."""
        with self._lock:
            if self._is_mounted(name):
                umount(f"{self._root}/{name}", MNT_DETACH)
            with suppress(FileNotFoundError):
                (self._root / name).rmdir()

    def close(self) -> None:
        """Unmount everything."""
        if self._is_open():
            for path in self._root.iterdir():
                self.remove(path.name)
            umount(str(self._root), MNT_DETACH)

    def _is_open(self) -> bool:
        return self._root.exists() and self._root.stat().st_dev != self._root.parent.stat().st_dev

    def _is_mounted(self, name: str) -> bool:
        try:
            return os.stat(f"{self._root}/{name}").st_dev != self._device  # noqa: PTH116 asked at every start
        except FileNotFoundError:
            return False


def _attach_at(tree: int, place: Path) -> None:
    try:
        directory = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            attach(tree, directory)
        finally:
            os.close(directory)
    finally:
        os.close(tree)  # or it would keep the mount busy
