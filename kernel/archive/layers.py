"""What becomes of an image layer's entries: as a layer of an overlay, or applied to a copy of the tree below.

Both give the same merged tree. A whiteout says what of the layers below is gone, wherever in the archive it stands; it
never hides what its own layer brings (OCI image spec, layer.md, "Whiteouts"). Hard links point into their own layer.
"""

import contextlib
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
from ck.kernel.archive.walk import walk
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

    def __init__(self, root: int) -> None:
        super().__init__(root)
        self._own: set[tuple[int, bytes]] = set()  # what has an entry in this layer: inode of the directory, name

    def made(self, parent: int, name: bytes) -> None:
        self._own.add((os.fstat(parent).st_ino, name))

    def merging(self, directory: int) -> None:
        remove_xattrs(directory)

    def consume(self, directories: Directories, path: bytes, name: bytes) -> bool:
        if not name.startswith(WHITEOUT_PREFIX):
            return False
        if name.startswith(META_PREFIX) and name != OPAQUE_MARK:
            return True
        hidden = name[len(WHITEOUT_PREFIX) :]
        if hidden in (b"", b".", b".."):
            raise CorruptData(f"{shown(path + b'/' + name)} is a whiteout of no name")
        # Where there is no directory nothing can be hidden, and none shall come to be.
        if self.exists(directories, path):
            if name == OPAQUE_MARK:
                self.hide_content(directories, path)
            else:
                self.hide(directories, path, hidden)
            directories.forget()  # directories may be gone that it has open
        return True

    @abstractmethod
    def exists(self, directories: Directories, path: bytes) -> bool:
        """Whether *path* is a directory, in this layer or below."""

    @abstractmethod
    def hide(self, directories: Directories, path: bytes, name: bytes) -> None:
        """Hide what the layers below have as *name* in the directory *path*."""

    @abstractmethod
    def hide_content(self, directories: Directories, path: bytes) -> None:
        """Hide what the layers below have in the directory *path*."""

    def _prune(self, directory: int) -> None:
        """Remove all below *directory* that is not this layer's own, but for directories that hold such."""
        for visit in walk(directory):
            if visit.leaving or not stat.S_ISDIR(visit.status.st_mode):
                self._drop(visit.parent, visit.name)

    def _drop(self, parent: int, name: bytes) -> bool:
        """Remove one name unless it is this layer's own or a directory that is not empty; whether it is gone."""
        if (os.fstat(parent).st_ino, name) in self._own:
            return False
        try:
            os.unlink(name, dir_fd=parent)
        except IsADirectoryError:
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                return False
        return True


class CopiedTree(_Layer):
    """A copy of the layers below, in which whiteouts delete."""

    def exists(self, directories: Directories, path: bytes) -> bool:
        fd = directories.find(path)
        if fd is not None:
            os.close(fd)
        return fd is not None

    def hide(self, directories: Directories, path: bytes, name: bytes) -> None:
        parent = directories.open(path)
        with contextlib.suppress(FileNotFoundError):
            directory = open_directory(parent, name)
            if directory is not None:
                try:
                    self._prune(directory)
                finally:
                    os.close(directory)
            self._drop(parent, name)

    def hide_content(self, directories: Directories, path: bytes) -> None:
        self._prune(directories.open(path))

    def check_link(self, parent: int, name: bytes) -> None:
        if (os.fstat(parent).st_ino, name) not in self._own:
            raise CorruptData(f"a hard link points to {shown(name)}, which is not in the same layer")


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

    def exists(self, directories: Directories, path: bytes) -> bool:
        try:
            real = b"/".join(directories.real(path))
        except CorruptData:
            return False  # a circle of links is no directory
        with merged_at(self._layers, real) as directory:
            return directory is not None

    def hide(self, directories: Directories, path: bytes, name: bytes) -> None:
        parent = directories.open(path)
        try:
            own = open_directory(parent, name)
        except FileNotFoundError:
            self._white_out(directories, path, parent, name)
            return
        if own is not None:
            try:
                self._make_opaque(own)
            finally:
                os.close(own)
            if self._drop(parent, name):
                self._white_out(directories, path, parent, name)

    def hide_content(self, directories: Directories, path: bytes) -> None:
        directory = directories.open(path)
        if not os.path.samestat(os.fstat(directory), os.fstat(self._layers[0])):
            self._make_opaque(directory)
            return
        # The kernel merges the roots of layers whatever is written on them, so that each name must go.
        with merged_at(self._layers[1:], b"") as below:
            names = below.names() if below else ()
        for name in names:
            self.hide(directories, b"", name)

    def _make_opaque(self, directory: int) -> None:
        make_opaque(directory)
        # A directory that nothing is merged into lists its whiteouts, so none may be left below an opaque one.
        self._prune(directory)

    def replacing(self, directory: int) -> None:
        make_opaque(directory)

    def check_link(self, parent: int, name: bytes) -> None:
        if is_whiteout(os.lstat(name, dir_fd=parent)):
            raise CorruptData(f"a hard link points to {shown(name)}, which the layer deletes")

    def _white_out(self, directories: Directories, path: bytes, parent: int, name: bytes) -> None:
        # Only where there is something to hide, for the same reason.
        with merged_at(self._layers, b"/".join(directories.real(path))) as directory:
            if directory and directory.lookup(name):
                os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
