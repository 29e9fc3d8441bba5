"""Making one file system object with all its attributes from an archive's entry, relative to its directory's fd."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Final

from ck.kernel.archive.directories import DIRECTORY, HANDLE
from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.merged import OVERLAY_XATTRS

CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEVICES: Final = {Kind.CHARACTER_DEVICE: stat.S_IFCHR, Kind.BLOCK_DEVICE: stat.S_IFBLK, Kind.FIFO: stat.S_IFIFO}


def handle_path(fd: int) -> str:
    """A path to what *fd* is open on, for the calls that take no fd of the O_PATH kind."""
    return f"/proc/self/fd/{fd}"


def set_xattrs(target: int | str, xattrs: Mapping[bytes, bytes]) -> None:
    """Set *xattrs*. What the file system has no place for (user.* on a link, any on some) is left out, as in Docker."""
    for name, value in xattrs.items():
        if not name.startswith(OVERLAY_XATTRS):
            try:
                os.setxattr(target, name, value)
            except OSError as error:
                if error.errno != errno.ENOTSUP and not (error.errno == errno.EPERM and name.startswith(b"user.")):
                    raise


def make_file(parent: int, name: bytes, entry: Entry, content: Iterable[memoryview]) -> None:
    """A regular file; *content* is that of its segments where it is sparse. Raises: FileExistsError before it reads."""
    fd = os.open(name, CREATE, 0o600, dir_fd=parent)
    try:
        if entry.segments is None:
            for chunk in content:
                _write(fd, chunk)
        else:
            _write_sparse(fd, entry, content)
        # In this order: chown(2) clears set-user-ID bits and capabilities, and each of the calls moves the times.
        os.fchown(fd, entry.uid, entry.gid)
        if entry.xattrs:
            set_xattrs(fd, entry.xattrs)
        os.fchmod(fd, entry.mode)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(fd)


def set_directory(fd: int, entry: Entry) -> None:
    """Give the open directory the attributes of *entry*, but for its time, which later entries in it would move."""
    os.fchown(fd, entry.uid, entry.gid)
    if entry.xattrs:
        set_xattrs(fd, entry.xattrs)
    os.fchmod(fd, entry.mode)


def make_symlink(parent: int, name: bytes, entry: Entry) -> None:
    os.symlink(entry.link, name, dir_fd=parent)
    _set_by_name(parent, name, entry)


def make_special(parent: int, name: bytes, entry: Entry) -> None:
    """A device or a fifo."""
    device = os.makedev(entry.major, entry.minor) if entry.kind is not Kind.FIFO else 0
    os.mknod(name, _DEVICES[entry.kind] | 0o600, device, dir_fd=parent)
    _set_by_name(parent, name, entry)


def remove_xattrs(fd: int) -> None:
    """Drop what an earlier layer or entry had set on the directory; overlayfs's own stay."""
    for name in os.listxattr(fd):
        if not os.fsencode(name).startswith(OVERLAY_XATTRS):
            os.removexattr(fd, name)


def open_directory(parent: int, name: bytes) -> int | None:
    """The directory *name*, not followed; None if it is something else."""
    try:
        return os.open(name, DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            return None
        raise


def read_xattrs(target: int | str) -> dict[bytes, bytes]:
    """All extended attributes but overlayfs's own; empty where the file system has none."""
    xattrs = {}
    try:
        names = os.listxattr(target)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return {}
    for text in names:
        name = os.fsencode(text)
        if not name.startswith(OVERLAY_XATTRS):
            # One that another process removes meanwhile is as good as never seen.
            with contextlib.suppress(OSError):
                xattrs[name] = os.getxattr(target, name)
    return xattrs


def copy_attributes(source: int, target: int) -> None:
    """Owner, mode, xattrs and times of one open directory to another."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    set_xattrs(target, read_xattrs(source))
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _set_by_name(parent: int, name: bytes, entry: Entry) -> None:
    # Through a handle: chmod(2) and setxattr(2) by name could be led astray by somebody who swaps it for a link.
    fd = os.open(name, HANDLE, dir_fd=parent)
    try:
        path = handle_path(fd)
        os.chown(path, entry.uid, entry.gid)
        if entry.xattrs:
            set_xattrs(path, entry.xattrs)
        if entry.kind is not Kind.SYMLINK:
            os.chmod(path, entry.mode)  # noqa: PTH101 the path is a handle
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(fd)


def _write(fd: int, chunk: memoryview) -> None:
    written = os.write(fd, chunk)
    while written < len(chunk):
        written += os.write(fd, chunk[written:])


def _write_sparse(fd: int, entry: Entry, content: Iterable[memoryview]) -> None:
    os.ftruncate(fd, entry.size)
    segments = iter(entry.segments or ())
    offset = length = 0
    for chunk in content:
        while chunk:
            while not length:
                offset, length = next(segments)
            written = os.pwrite(fd, chunk[:length], offset)
            offset, length, chunk = offset + written, length - written, chunk[written:]
