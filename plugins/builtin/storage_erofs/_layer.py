"""What a layer's entries make of its tree: in memory what kernel.archive.extract and layers.OverlayLayer do on a disk.

The order of the steps is theirs, since which archives are refused follows from it.
"""

import stat
from collections.abc import Mapping
from typing import Final

from ck.kernel.archive.entry import Entry, Kind, clean, shown
from ck.kernel.archive.extract import refusal
from ck.kernel.archive.layers import META_PREFIX, OPAQUE_MARK, WHITEOUT_PREFIX
from ck.kernel.errors import CorruptData
from ck.plugins.builtin.storage_erofs._below import Below
from ck.plugins.builtin.storage_erofs._node import Directory, Node, file_node, is_whiteout, other_node, whiteout
from ck.plugins.builtin.storage_erofs._tree import MAX_PATH, Tree, check_name
from ck.plugins.builtin.storage_erofs._xattrs import kept

_FILE: Final = Kind.FILE
_DIRECTORY: Final = Kind.DIRECTORY
_HARD_LINK: Final = Kind.HARD_LINK


class LayerTree:
    """The tree of one layer, filled entry by entry."""

    def __init__(self, below: Below) -> None:
        self._tree = Tree(below)
        self.root = self._tree.root

    def inherit_root(self) -> None:
        """Give the root the attributes that it has below, for an archive that has no entry for it."""
        found = self._tree.below.find(b"")
        if found is not None:
            _set_attributes(self.root, found.mode, found.uid, found.gid, found.xattrs)
            self.root.mtime_ns = found.mtime_ns

    def add(self, entry: Entry, at: int) -> None:
        """Apply one entry, whose content is at byte *at* of the archive.

        Raises: CorruptData, and what `refusal` makes of errors of the layers below.
        """
        path, _, name = entry.name.rpartition(b"/")
        try:
            if not name:
                self._root(entry)
            elif name[:4] == WHITEOUT_PREFIX:
                self._whiteout(path, name)
            else:
                check_name(name)
                self._place(self._tree.directory(path), path, name, entry, at)
                self._tree.added()
        except OSError as error:
            raise refusal(entry.name, error) from error

    def _root(self, entry: Entry) -> None:
        if entry.kind is not _DIRECTORY:
            raise CorruptData(f"the archive holds an entry without a name that is a {entry.kind.name.lower()}")
        self._set_directory(self.root, entry)

    def _place(self, parent: Directory, path: bytes, name: bytes, entry: Entry, at: int) -> None:
        old = parent.children.get(name)
        if entry.kind is _HARD_LINK:
            self._link(parent, path, name, entry)
        elif entry.kind is _DIRECTORY and isinstance(old, Directory):
            self._set_directory(old, entry)
        else:
            parent.children[name] = node = self._made(entry, at)
            if old is not None:
                if isinstance(node, Directory):
                    node.opaque = True
                self._tree.forget()
        parent.own.add(name)

    def _made(self, entry: Entry, at: int) -> Node:
        if entry.kind is _FILE:
            return file_node(entry, at, kept(entry))
        if entry.kind is _DIRECTORY:
            made = Directory(0)
            self._set_directory(made, entry)
            return made
        if entry.kind is Kind.SYMLINK:
            if not 0 < len(entry.link) <= MAX_PATH:
                raise CorruptData(f"{shown(entry.name)} is a symbolic link to {shown(entry.link)}, which cannot be")
        elif entry.kind is Kind.CHARACTER_DEVICE and not entry.major and not entry.minor:
            raise CorruptData(f"{shown(entry.name)} is the device 0:0, which stands for a deleted file in overlayfs")
        return other_node(entry, kept(entry))

    def _link(self, parent: Directory, path: bytes, name: bytes, entry: Entry) -> None:
        above, _, target = clean(entry.link).rpartition(b"/")
        node = self._target(above, target, entry)
        if (above, target) == (path, name):
            return  # a link to itself changes nothing
        if parent.children.pop(name, None) is not None:
            self._tree.forget()
            # Once more: what stood there may have been the target by another name, or on the way to it.
            node = self._target(above, target, entry)
        parent.children[name] = node

    def _target(self, above: bytes, name: bytes, entry: Entry) -> Node:
        check_name(name)
        found = self._tree.directory(above).children.get(name) if name else None
        if found is None:
            raise CorruptData(f"{shown(entry.name)} is a hard link to {shown(entry.link)}, which is not there")
        if is_whiteout(found):
            raise CorruptData(f"a hard link points to {shown(name)}, which the layer deletes")
        if isinstance(found, Directory):
            raise CorruptData(f"{shown(entry.name)} is a hard link to {shown(entry.link)}, which is a directory")
        return found

    def _set_directory(self, directory: Directory, entry: Entry) -> None:
        _set_attributes(directory, stat.S_IFDIR | entry.mode, entry.uid, entry.gid, kept(entry))
        directory.mtime_ns = entry.mtime_ns

    def _whiteout(self, path: bytes, name: bytes) -> None:
        if name.startswith(META_PREFIX) and name != OPAQUE_MARK:
            return
        hidden = name[len(WHITEOUT_PREFIX) :]
        if hidden in (b"", b".", b".."):
            raise CorruptData(f"{shown(path + b'/' + name)} is a whiteout of no name")
        try:
            real = self._tree.real(path)
        except CorruptData:
            return  # a circle of links is no directory
        # Where there is no directory nothing can be hidden, and none shall come to be.
        if isinstance(self._tree.find(real), Directory):
            if name != OPAQUE_MARK:
                check_name(hidden)
                self._hide(self._tree.directory(path), real, hidden)
            elif real:
                _make_opaque(self._tree.directory(path))
            else:
                # The kernel merges the roots of layers whatever is written on them, so that each name must go.
                for each in self._tree.below.names():
                    self._hide(self.root, [], each)
            self._tree.forget()

    def _hide(self, parent: Directory, real: list[bytes], name: bytes) -> None:
        """Hide what the layers below have as *name* in *parent*, whose path is *real*."""
        own = parent.children.get(name)
        if isinstance(own, Directory):
            _make_opaque(own)
            if own.children or name in parent.own:
                return
            del parent.children[name]
            own = None
        # Only where there is something to hide: a directory that nothing is merged into lists its whiteouts.
        if own is None and self._tree.find((*real, name)) is not None:
            parent.children[name] = whiteout()


def _set_attributes(directory: Directory, mode: int, uid: int, gid: int, xattrs: Mapping[bytes, bytes] | None) -> None:
    directory.mode, directory.uid, directory.gid, directory.xattrs = mode, uid, gid, xattrs


def _make_opaque(directory: Directory) -> None:
    """Hide all that the layers below have in *directory*. Whiteouts below it would be listed, so none may be left, nor
    anything else that is not this layer's own, but for directories that hold such."""
    directory.opaque = True
    levels: list[tuple[Directory, list[bytes]]] = [(directory, list(directory.children))]
    while levels:
        current, names = levels[-1]
        if not names:
            levels.pop()
            if levels:
                above, left = levels[-1]
                _drop(above, left.pop())
            continue
        inner = current.children[names[-1]]
        if isinstance(inner, Directory) and inner.children:
            levels.append((inner, list(inner.children)))
        else:
            _drop(current, names.pop())


def _drop(parent: Directory, name: bytes) -> None:
    node = parent.children[name]
    if name not in parent.own and not (isinstance(node, Directory) and node.children):
        del parent.children[name]
