"""Unpacking a tar stream into a directory that nothing in the stream can lead out of.

Parents are resolved inside the root (directories.py); the last component of a name is created exclusively, after what
stood there was removed, so it is never followed either. Later entries replace earlier ones, except that a directory
takes over a directory, as Docker does.
"""

import errno
import os
import stat
from dataclasses import dataclass
from typing import Final

from ck.kernel.archive.directories import Directories
from ck.kernel.archive.entry import Entry, Kind, clean, shown
from ck.kernel.archive.layers import Tree
from ck.kernel.archive.nodes import make_file, make_special, make_symlink, open_directory, set_directory
from ck.kernel.archive.owners import HOST, Owners
from ck.kernel.archive.reader import Readable, TarReader
from ck.kernel.archive.walk import remove_tree
from ck.kernel.errors import CkError, CorruptData, Forbidden, InvalidArgument, Unavailable, Unsupported

# What an archive brings about by what it says; the rest is the host's doing.
_ARCHIVES_FAULT: Final = frozenset(
    {
        errno.E2BIG,
        errno.EFBIG,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.EMLINK,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EOVERFLOW,
        errno.ERANGE,
        errno.EXDEV,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """How many entries an archive had, and how many bytes of regular files."""

    entries: int
    size: int


def extract(
    stream: Readable,
    root: int,
    *,
    base: bytes = b"",
    tree: Tree | None = None,
    keep_kinds: bool = False,
    owner: tuple[int, int] | None = None,
    owners: Owners = HOST,
) -> Extracted:
    """Unpack the uncompressed tar *stream*, read to its end, into the directory *base* of *root* (an fd).

    *tree* says what becomes of whiteouts (see layers.py); by default they are files like any other. With *keep_kinds* a
    directory is never replaced by something else, nor the other way round. *owner* overrules the archive's (uid, gid);
    *owners* says what those are on the host.
    What was unpacked before an error stays.

    Raises: CorruptData (malformed, or leads out), InvalidArgument (*keep_kinds*), Forbidden (read-only), Unsupported,
    Unavailable (no space), and what the stream raises.
    """
    tree = tree or Tree(root)
    reader = TarReader(stream)
    with Directories(root, base, tree) as directories:
        unpacking = _Unpacking(reader, directories, tree, keep_kinds)
        entries = size = 0
        for entry in reader:
            if owner:
                entry.uid, entry.gid = owner
            entry.uid, entry.gid = owners.outside(entry.uid), owners.outside(entry.gid)
            try:
                unpacking.entry(entry)
            except OSError as error:
                raise refusal(entry.name, error) from error
            entries += 1
            size += entry.size
        unpacking.set_times()
    reader.drain()
    return Extracted(entries=entries, size=size)


class _Unpacking:
    def __init__(self, reader: TarReader, directories: Directories, tree: Tree, keep_kinds: bool) -> None:
        self._reader = reader
        self._directories = directories
        self._tree = tree
        self._keep_kinds = keep_kinds
        self._times: dict[bytes, int] = {}  # of directories, in ns: set at the end, as entries in them move them

    def entry(self, entry: Entry) -> None:
        path, _, name = entry.name.rpartition(b"/")
        if not name:
            self._root(entry)
            return
        if name.startswith(b".wh.") and self._tree.consume(self._directories, path, name):
            return
        parent = self._directories.open(path)
        try:
            self._make(parent, name, entry)
        except FileExistsError:
            self._replace(parent, name, entry)
        else:
            self._tree.made(parent, name)
        self._directories.added()

    def set_times(self) -> None:
        """Give the directories the times that the archive says."""
        for path, time in self._times.items():
            try:
                if (fd := self._directories.find(path)) is not None:
                    try:
                        os.utime(fd, ns=(time, time))
                    finally:
                        os.close(fd)
            except OSError as error:
                raise refusal(path, error) from error

    def _root(self, entry: Entry) -> None:
        if entry.kind is not Kind.DIRECTORY:
            raise CorruptData(f"the archive holds an entry without a name that is a {entry.kind.name.lower()}")
        if self._tree.takes_root:
            root = self._directories.open(b"")
            self._tree.merging(root)
            set_directory(root, entry)
            self._times[b""] = entry.mtime_ns

    def _make(self, parent: int, name: bytes, entry: Entry) -> None:
        """Make what *entry* says. Raises: FileExistsError, before any content is read, if something stands there."""
        match entry.kind:
            case Kind.FILE:
                make_file(parent, name, entry, self._reader.data())
            case Kind.DIRECTORY:
                self._make_directory(parent, name, entry)
            case Kind.SYMLINK:
                make_symlink(parent, name, entry)
            case Kind.HARD_LINK:
                self._make_link(parent, name, entry)
            case _:
                if entry.kind is Kind.CHARACTER_DEVICE and not entry.major and not entry.minor:
                    raise CorruptData(
                        f"{shown(entry.name)} is the device 0:0, which stands for a deleted file in overlayfs"
                    )
                make_special(parent, name, entry)

    def _make_directory(self, parent: int, name: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
            fd = open_directory(parent, name)
        except FileExistsError:
            fd = open_directory(parent, name)
            if fd is not None:
                self._tree.merging(fd)
        if fd is None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._directories.keep(entry.name, fd)
        set_directory(fd, entry)
        self._times[entry.name] = entry.mtime_ns

    def _make_link(self, parent: int, name: bytes, entry: Entry) -> None:
        path, _, target = clean(entry.link).rpartition(b"/")
        source = self._directories.open(path)
        try:
            self._tree.check_link(source, target)
            if stat.S_ISDIR(os.lstat(target, dir_fd=source).st_mode):
                raise CorruptData(f"{shown(entry.name)} is a hard link to {shown(entry.link)}, which is a directory")
            if (source, target) != (parent, name):  # a link to itself changes nothing, and must not remove it
                os.link(target, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError as error:
            raise CorruptData(
                f"{shown(entry.name)} is a hard link to {shown(entry.link)}, which is not there"
            ) from error

    def _replace(self, parent: int, name: bytes, entry: Entry) -> None:
        """Remove what stands at *name*, whatever it is, and make *entry* there."""
        status = os.lstat(name, dir_fd=parent)
        was_directory = stat.S_ISDIR(status.st_mode)
        if self._keep_kinds and was_directory != (entry.kind is Kind.DIRECTORY):
            old, new = ("directory", "non-directory") if was_directory else ("non-directory", "directory")
            raise InvalidArgument(f"cannot overwrite {old} {shown(entry.name)} with {new}")
        # The cache goes, as what is removed may be on the way to what it holds, and *parent* is one of its fds.
        parent = os.dup(parent)
        try:
            self._directories.forget()
            remove_tree(parent, name)
            if was_directory:
                below = entry.name + b"/"
                self._times = {
                    path: t for path, t in self._times.items() if path != entry.name and not path.startswith(below)
                }
            self._make(parent, name, entry)
            if entry.kind is Kind.DIRECTORY and (fd := open_directory(parent, name)) is not None:
                try:
                    self._tree.replacing(fd)
                finally:
                    os.close(fd)
            # Here, as *parent* cannot always be found again: what was removed may have been the link that led to it.
            self._tree.made(parent, name)
        finally:
            os.close(parent)


def refusal(name: bytes, error: OSError) -> CkError:
    """What *error*, met when the entry *name* was to be made, is to whoever unpacks."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    sentence = f"cannot unpack {shown(name)}: {reason}"
    if error.errno in _ARCHIVES_FAULT:
        return CorruptData(sentence)
    if error.errno == errno.EROFS:
        return Forbidden(sentence)
    if error.errno in (errno.EPERM, errno.EACCES, errno.ENOTSUP):
        return Unsupported(sentence)
    return Unavailable(sentence)
