"""Copying a directory tree with everything: owners, modes, xattrs, times, hard links, holes, devices."""

import errno
import fcntl
import os
import stat
from typing import Final

from ck.kernel.archive.directories import HANDLE, open_in_root
from ck.kernel.archive.entry import Entry, Kind, shown
from ck.kernel.archive.nodes import (
    CREATE,
    copy_attributes,
    handle_path,
    make_special,
    make_symlink,
    read_xattrs,
)
from ck.kernel.archive.walk import Cursor, Visit, walk
from ck.kernel.errors import Unsupported

FICLONE: Final = 0x40049409  # ioctl_ficlone(2)
_SPECIAL: Final = {
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFIFO: Kind.FIFO,
}


def copy_tree(source: int, target: int) -> None:
    """Copy all that is in the directory *source* into the empty directory *target* (fds), and its own attributes.

    File content is shared where the file system can (reflinks), else copied inside the kernel, holes kept. Sockets
    are left out. What disappears meanwhile is left out. Raises: OSError, Conflict.
    """
    links: dict[tuple[int, int], bytes] = {}
    with Cursor(target) as place:
        for visit in walk(source):
            if visit.leaving:
                _finish_directory(visit, place)
            elif stat.S_ISDIR(visit.status.st_mode):
                os.mkdir(visit.name, 0o700, dir_fd=place.fd)
                place.down(visit.name)
            else:
                _copy_object(visit, target, place.fd, links)
        copy_attributes(source, target)


def copy_file(source: int, target: int, size: int) -> None:
    """Copy the content of a regular file into an empty one: by reference where possible, without filling its holes."""
    try:
        fcntl.ioctl(target, FICLONE, source)
        return
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY):
            raise
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
            end = os.lseek(source, at, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole from here on
            raise
        while at < end:
            copied = _copy_range(source, target, end - at, at)
            if not copied:
                return  # the file was cut short meanwhile
            at += copied


def _copy_range(source: int, target: int, count: int, at: int) -> int:
    try:
        return os.copy_file_range(source, target, count, at, at)
    except OSError as error:
        # Across file systems, or on one that has no such call.
        if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, min(count, 1 << 20), at), at)


def _finish_directory(visit: Visit, place: Cursor) -> None:
    source = os.open(visit.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=visit.parent)
    try:
        copy_attributes(source, place.fd)
    finally:
        os.close(source)
    place.up()


def _copy_object(visit: Visit, root: int, parent: int, links: dict[tuple[int, int], bytes]) -> None:
    status = visit.status
    if status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), visit.path)
        if first != visit.path:
            _link(root, first, parent, visit.name)
            return
    try:
        handle = os.open(visit.name, HANDLE, dir_fd=visit.parent)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode):
            _copy_regular(handle, status, parent, visit.name)
            return
        entry = Entry(
            visit.path,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            mtime_ns=status.st_mtime_ns,
            xattrs=read_xattrs(handle_path(handle)),
        )
        if stat.S_ISLNK(status.st_mode):
            entry.kind, entry.link = Kind.SYMLINK, os.readlink(b"", dir_fd=handle)
            make_symlink(parent, visit.name, entry)
        elif stat.S_IFMT(status.st_mode) in _SPECIAL:
            entry.kind = _SPECIAL[stat.S_IFMT(status.st_mode)]
            entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
            make_special(parent, visit.name, entry)
    finally:
        os.close(handle)


def _copy_regular(handle: int, status: os.stat_result, parent: int, name: bytes) -> None:
    source = os.open(handle_path(handle), os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(name, CREATE, 0o600, dir_fd=parent)
        try:
            copy_file(source, target, status.st_size)
            copy_attributes(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _link(root: int, first: bytes, parent: int, name: bytes) -> None:
    """Give the copy of *first* its further name. The path was walked without a link, so it resolves to itself."""
    above, _, base = first.rpartition(b"/")
    try:
        directory = open_in_root(root, above or b".", os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Unsupported(f"{shown(first)} has several names and lies too deep to be copied") from error
        raise
    try:
        os.link(base, name, src_dir_fd=directory, dst_dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(directory)
