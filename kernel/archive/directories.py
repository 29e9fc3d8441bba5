"""The directories that entries of an archive go into, as fds, resolved inside a root.

Everything else that unpacking does names a single component relative to such an fd and never follows a link, so this
file is the only place where a path is resolved.
"""

import contextlib
import errno
import os
import stat
from collections import deque
from typing import Final, Protocol, Self

from ck.kernel.archive.entry import shown
from ck.kernel.errors import CorruptData
from ck.kernel.linux.path import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HANDLE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
CACHED: Final = 64  # fds kept; an archive visits one directory after another
MAX_LINKS: Final = 40  # as the kernel: path_resolution(7)


def open_in_root(root: int, path: bytes, flags: int) -> int:
    """Open *path* as if the directory *root* were "/": links and ".." cannot lead out, /proc/PID/fd links are refused.

    Raises: OSError. Source: openat2(2), RESOLVE_IN_ROOT.
    """
    return openat2(root, os.fsdecode(path), flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


class Below(Protocol):
    """What lies under the tree that is being made: the merged lower layers of an overlay."""

    def link(self, path: bytes) -> bytes | None:
        """The target of *path* if that is a symbolic link, in the new tree or below; its parents are free of links."""

    def make(self, path: bytes, parent: int, name: bytes) -> None:
        """Make the directory *path*, whose parent is there, as the lower layers have it. Raises: CorruptData if they
        have something else there."""


class TopOnly:
    """Nothing lies below: the tree is all there is."""

    def __init__(self, root: int) -> None:
        self._root = root

    def link(self, path: bytes) -> bytes | None:
        return read_link(self._root, path)

    def make(self, path: bytes, parent: int, name: bytes) -> None:  # *path* is for those who look below
        os.close(make_directory(parent, name))


def make_directory(parent: int, name: bytes) -> int:
    """Make a directory of mode 0755, whatever the umask, and open it. Raises: FileExistsError."""
    os.mkdir(name, 0o755, dir_fd=parent)
    fd = os.open(name, DIRECTORY, dir_fd=parent)
    os.fchmod(fd, 0o755)
    return fd


class Directories:
    """Open directories of a tree by name, those missing made on the way, the recent ones cached."""

    def __init__(self, root: int, base: bytes = b"", below: Below | None = None) -> None:
        """*root* is where links start, *base* the directory in it that names are relative to, b"" for *root*."""
        self._root = root
        self._base = base
        self._below = below or TopOnly(root)
        self._cache: dict[bytes, int] = {}
        self._detoured = False  # whether something cached was resolved otherwise than by the kernel in this tree

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop the cache; needed after a directory or a link was removed, as names may now lead elsewhere."""
        for fd in self._cache.values():
            os.close(fd)
        self._cache.clear()
        self._detoured = False

    def added(self) -> None:
        """Something was made: where a link of a layer below led on, it may now stand in the way."""
        if self._detoured:
            self.forget()

    def keep(self, path: bytes, fd: int) -> None:
        """Take over *fd* as the directory *path*."""
        if (old := self._cache.pop(path, None)) is not None:
            os.close(old)
        elif len(self._cache) >= CACHED:
            os.close(self._cache.pop(next(iter(self._cache))))
        self._cache[path] = fd

    def open(self, path: bytes) -> int:
        """The directory *path* (clean, relative), made with its parents where missing. The fd stays this object's and
        is good until the next call but one. Raises: CorruptData."""
        fd = self._cache.pop(path, None)
        if fd is None:
            fd = self._open(self._whole(path))
        if fd is None:
            fd = self._make(path, self.real(path))
            self._detoured = True
        self.keep(path, fd)
        return fd

    def find(self, path: bytes) -> int | None:
        """A new fd of the directory *path*, which the caller closes; None where there is none in this tree."""
        fd = self._open(self._whole(path))
        if fd is None:
            # Through a link of a layer below, the directory of this tree lies elsewhere; a circle of links is nowhere.
            with contextlib.suppress(CorruptData):
                fd = self._open(b"/".join(self.real(path)) or b".")
        return fd

    def _open(self, path: bytes) -> int | None:
        try:
            return open_in_root(self._root, path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
            return None

    def _whole(self, path: bytes) -> bytes:
        return b"/".join(part for part in (self._base, path) if part) or b"."

    def real(self, path: bytes) -> list[bytes]:
        """The components of *path* from the root with every link replaced by its target, whether they exist or not."""
        real: list[bytes] = []
        todo = deque(self._whole(path).split(b"/"))
        links = 0
        while todo:
            part = todo.popleft()
            if part in (b"", b"."):
                continue
            if part == b"..":
                real[-1:] = []
                continue
            target = self._below.link(b"/".join((*real, part)))
            if target is None:
                real.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise CorruptData(f"{shown(path)} leads through more than {MAX_LINKS} symbolic links")
            if target.startswith(b"/"):
                real.clear()
            todo.extendleft(reversed(target.split(b"/")))
        return real

    def _make(self, path: bytes, real: list[bytes]) -> int:
        """Open the directory *real*, link free, component by component."""
        fd = os.open(".", DIRECTORY, dir_fd=self._root)
        for depth, part in enumerate(real):
            parent = fd
            try:
                try:
                    fd = os.open(part, DIRECTORY, dir_fd=parent)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                        raise
                    if error.errno == errno.ENOTDIR and not _is_whiteout(part, parent):
                        obstacle = shown(b"/".join(real[: depth + 1]))
                        raise CorruptData(f"{shown(path)} cannot be a directory: {obstacle} is not one") from None
                    self._below.make(b"/".join(real[: depth + 1]), parent, part)
                    fd = os.open(part, DIRECTORY, dir_fd=parent)
            finally:
                os.close(parent)
        return fd


def make_mountpoint(root: int, path: bytes, *, directory: bool) -> None:
    """Make *path* in *root*, with its parents, as a directory or else as an empty file, unless something is there.

    Raises: CorruptData where a parent is no directory, OSError.
    """
    above, _, name = path.strip(b"/").rpartition(b"/")
    with Directories(root) as directories:
        parent = directories.open(above)
        try:
            os.close(open_in_root(root, path, os.O_PATH))
        except FileNotFoundError:
            if directory:
                os.close(make_directory(parent, name))
            else:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent))


def names_in(directory: int) -> list[bytes]:
    """What the directory lists, sorted."""
    return sorted(os.fsencode(name) for name in os.listdir(directory))


def read_link(root: int, path: bytes) -> bytes | None:
    """The target of *path* under *root* if its last component is a symbolic link."""
    try:
        fd = open_in_root(root, path, HANDLE)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    try:
        return os.readlink(b"", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def _is_whiteout(name: bytes, parent: int) -> bool:
    status = os.lstat(name, dir_fd=parent)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
