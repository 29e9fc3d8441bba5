"""What becomes of an image layer's entries: as a layer of an overlay, or applied to a copy of the tree below.

Both give the same merged tree. A whiteout says what of the layers below is gone, wherever in the archive it stands; it
never hides what its own layer brings (OCI image spec, layer.md, "Whiteouts"). Hard links point into their own layer.
"""

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from ck.kernel.archive.directories import Directories, TopOnly, make_directory
from ck.kernel.archive.entry import shown
from ck.kernel.archive.merged import is_whiteout, make_opaque, merged_at
from ck.kernel.archive.nodes import copy_attributes, open_directory, remove_xattrs
from ck.kernel.archive.walk import Visit, walk
from ck.kernel.errors import CorruptData

WHITEOUT_PREFIX: Final = b".wh."
META_PREFIX: Final = b".wh..wh."  # AUFS's book-keeping, of which images use the next only
OPAQUE_MARK: Final = b".wh..wh..opq"


class Tree(TopOnly):
    """An ordinary directory that an archive is unpacked into; the hooks of `extract` do nothing."""

    takes_root = False  # whether an entry for the root itself changes the directory that is unpacked into

    def consume(self, directories: Directories, path: bytes, name: bytes) -> bool:
        """Whether the entry *name* in the directory *path* is an instruction, carried out by now, and not content."""
        return False

    def made(self, parent: int, name: bytes) -> None:
        """Called for everything an entry has made, or for the directory it found."""

    def merging(self, directory: int) -> None:
        """Called with a directory that an entry finds in place, before it gets the entry's attributes."""

    def replacing(self, directory: int) -> None:
        """Called with a new directory that took the place of something else."""

    def check_link(self, parent: int, name: bytes) -> None:
        """Called with the target of a hard link. Raises: CorruptData."""


class _Layer(Tree, ABC):
    takes_root = True

    def consume(self, directories: Directories, path: bytes, name: bytes) -> bool:
        if not name.startswith(WHITEOUT_PREFIX):
            return False
        if name == OPAQUE_MARK:
            self.opaque(directories.open(path))
            directories.forget()
        elif not name.startswith(META_PREFIX):
            hidden = name[len(WHITEOUT_PREFIX) :]
            if hidden in (b"", b".", b".."):
                raise CorruptData(f"{shown(path + b'/' + name)} is a whiteout of no name")
            self.whiteout(directories, path, hidden)
        return True

    @abstractmethod
    def opaque(self, directory: int) -> None:
        """Hide what the layers below have in *directory*."""

    @abstractmethod
    def whiteout(self, directories: Directories, path: bytes, name: bytes) -> None:
        """Hide what the layers below have as *name* in the directory *path*."""

    def merging(self, directory: int) -> None:
        remove_xattrs(directory)


class OverlayLayer(_Layer):
    """A directory that becomes a layer on top of *below* (root fds of the lower layers, uppermost first)."""

    def __init__(self, root: int, below: Sequence[int]) -> None:
        super().__init__(root)
        self._layers = (root, *below)

    def link(self, path: bytes) -> bytes | None:
        above, _, name = path.rpartition(b"/")
        with merged_at(self._layers, above) as directory:
            found = directory.lookup(name) if directory else None
            if found and stat.S_ISLNK(found[1].st_mode):
                return os.readlink(name, dir_fd=found[0])
        return None

    def make(self, path: bytes, parent: int, name: bytes) -> None:
        above, _, _ = path.rpartition(b"/")
        with merged_at(self._layers, above) as directory:
            found = directory.lookup(name) if directory else None
            if found and not stat.S_ISDIR(found[1].st_mode):
                raise CorruptData(f"the layer puts files into {shown(path)}, which is no directory in the layers below")
            try:
                os.unlink(name, dir_fd=parent)  # the layer's own whiteout
                hidden = True
            except FileNotFoundError:
                hidden = False
            fd = make_directory(parent, name)
            try:
                if hidden:
                    make_opaque(fd)
                if found and (lower := open_directory(found[0], name)) is not None:
                    try:
                        copy_attributes(lower, fd)
                    finally:
                        os.close(lower)
            finally:
                os.close(fd)

    def opaque(self, directory: int) -> None:
        make_opaque(directory)
        # A directory that nothing is merged into lists its whiteouts, so none may be left below an opaque one.
        for visit in walk(directory):
            if is_whiteout(visit.status):
                os.unlink(visit.name, dir_fd=visit.parent)

    def whiteout(self, directories: Directories, path: bytes, name: bytes) -> None:
        parent = directories.open(path)
        try:
            own = open_directory(parent, name)
        except FileNotFoundError:
            # Only where there is something to hide, for the same reason.
            with merged_at(self._layers, b"/".join(directories.real(path))) as directory:
                if directory and directory.lookup(name):
                    os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
            return
        if own is not None:
            try:
                self.opaque(own)
            finally:
                os.close(own)

    def replacing(self, directory: int) -> None:
        make_opaque(directory)

    def check_link(self, parent: int, name: bytes) -> None:
        if is_whiteout(os.lstat(name, dir_fd=parent)):
            raise CorruptData(f"a hard link points to {shown(name)}, which the layer deletes")


class CopiedTree(_Layer):
    """A copy of the layers below, in which whiteouts delete."""

    def __init__(self, root: int) -> None:
        super().__init__(root)
        self._own: set[tuple[int, bytes]] = set()  # what this layer has unpacked: inode of the directory, name

    def made(self, parent: int, name: bytes) -> None:
        self._own.add((os.fstat(parent).st_ino, name))

    def opaque(self, directory: int) -> None:
        for visit in walk(directory):
            if visit.leaving or not stat.S_ISDIR(visit.status.st_mode):
                self._drop(visit)

    def whiteout(self, directories: Directories, path: bytes, name: bytes) -> None:
        parent = directories.open(path)
        try:
            status = os.lstat(name, dir_fd=parent)
        except FileNotFoundError:
            return
        directory = open_directory(parent, name)
        if directory is not None:
            try:
                self.opaque(directory)
            finally:
                os.close(directory)
        directories.forget()
        self._drop(Visit(directories.open(path), name, name, status))

    def _drop(self, visit: Visit) -> None:
        """Remove what came from below, but for directories that hold something of this layer."""
        if (os.fstat(visit.parent).st_ino, visit.name) in self._own:
            return
        if not stat.S_ISDIR(visit.status.st_mode):
            os.unlink(visit.name, dir_fd=visit.parent)
            return
        try:
            os.rmdir(visit.name, dir_fd=visit.parent)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise

    def check_link(self, parent: int, name: bytes) -> None:
        if (os.fstat(parent).st_ino, name) not in self._own:
            raise CorruptData(f"a hard link points to {shown(name)}, which is not in the same layer")
