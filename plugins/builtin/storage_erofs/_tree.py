"""The directories that a layer's entries go into, resolved as if the layer lay on those below it already.

In memory what kernel.archive.directories is on a disk: names lead where they would lead there, links of the layers
below included, and nothing leads out of the root. The same archives are refused.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Sequence
from typing import Final

from ck.kernel.archive.directories import MAX_LINKS
from ck.kernel.archive.entry import shown
from ck.kernel.errors import CorruptData
from ck.plugins.builtin.storage_erofs._below import Below
from ck.plugins.builtin.storage_erofs._node import Directory, Node, is_whiteout

MAX_NAME: Final = 255  # NAME_MAX
MAX_PATH: Final = 4095  # PATH_MAX without its NUL


class Tree:
    """What this layer has, in memory, and what is under it."""

    def __init__(self, below: Below) -> None:
        self.below = below
        self.root = Directory(stat.S_IFDIR | 0o755)
        self._cache: dict[bytes, Directory] = {b"": self.root}
        self._detoured = False  # whether something cached was resolved through the layers below

    def forget(self) -> None:
        """Drop the cache; needed after something was removed or hidden, as names may now lead elsewhere."""
        self._cache = {b"": self.root}
        self._detoured = False

    def added(self) -> None:
        """A name was made: where a link of a layer below led on, it may now stand in the way."""
        if self._detoured:
            self.forget()

    def directory(self, path: bytes) -> Directory:
        """The directory *path* (clean, relative), made with its parents where missing. Raises: CorruptData."""
        found = self._cache.get(path)
        if found is None:
            above, _, name = path.rpartition(b"/")
            parent = self._cache.get(above)
            node = parent.children.get(name) if parent else None
            found = node if isinstance(node, Directory) else self._make(path)
            self._cache[path] = found
        return found

    def find(self, real: Sequence[bytes]) -> Node | None:
        """What the merged layers have at the path *real*, free of links; of the layers below a copy. None where there
        is nothing, or it is hidden."""
        node: Node = self.root
        shows = True
        for part in real:
            if not isinstance(node, Directory):
                return None
            shows = shows and not node.opaque
            inner = node.children.get(part)
            if inner is None:
                return self.below.find(b"/".join(real)) if shows else None
            node = inner
        return None if is_whiteout(node) else node

    def real(self, path: bytes) -> list[bytes]:
        """The components of *path* from the root with every link replaced by its target, whether they exist or not.

        Raises: CorruptData for a circle of links, OSError for a name that is too long.
        """
        real: list[bytes] = []
        # Beside each of them, after the root: the directory that this layer has there, and whether those below show.
        stack: list[tuple[Directory | None, bool]] = [(self.root, True)]
        todo = deque(path.split(b"/"))
        links = 0
        while todo:
            part = todo.popleft()
            if part in (b"", b"."):
                continue
            if part == b"..":
                real[-1:] = []
                stack[1:] = stack[1:-1]
                continue
            directory, shows = stack[-1]
            node = self._step(directory, shows, real, part)
            if node is None or not stat.S_ISLNK(node.mode):
                own = directory.children.get(part) if directory else None
                inner = own if isinstance(own, Directory) else None
                real.append(part)
                stack.append((inner, shows and (own is None or (inner is not None and not inner.opaque))))
                continue
            links += 1
            if links > MAX_LINKS:
                raise CorruptData(f"{shown(path)} leads through more than {MAX_LINKS} symbolic links")
            if node.link.startswith(b"/"):
                real.clear()
                del stack[1:]
            todo.extendleft(reversed(node.link.split(b"/")))
        return real

    def _step(self, directory: Directory | None, shows: bool, above: list[bytes], name: bytes) -> Node | None:
        """What *name* is in *directory*, this layer's, or else below; None where neither has it."""
        if directory is not None:
            check_name(name)
            if (own := directory.children.get(name)) is not None:
                return own
        if not shows:
            return None
        found = self.below.find(b"/".join((*above, name)))
        self._detoured = self._detoured or (found is not None and stat.S_ISLNK(found.mode))
        return found

    def _make(self, path: bytes) -> Directory:
        """The directory *path*, each of its parents as the layers below have it where this layer has none."""
        if len(path) > MAX_PATH:
            raise too_long()
        real = self.real(path)
        directory = self.root
        for depth, part in enumerate(real, 1):
            check_name(part)
            own = directory.children.get(part)
            if not isinstance(own, Directory):
                if own is not None and not is_whiteout(own):
                    obstacle = shown(b"/".join(real[:depth]))
                    raise CorruptData(f"{shown(path)} cannot be a directory: {obstacle} is not one")
                found = self.find(real[:depth])
                if found is not None and not isinstance(found, Directory):
                    where = shown(b"/".join(real[:depth]))
                    raise CorruptData(f"the layer puts files into {where}, which is no directory in the layers below")
                # As mkdir(2) has it: in a set-group-ID directory the group is the directory's.
                group = directory.gid if directory.mode & stat.S_ISGID else 0
                made = found or Directory(stat.S_IFDIR | 0o755, gid=group)
                made.opaque = own is not None
                directory.children[part] = own = made
            directory = own
        return directory


def check_name(name: bytes) -> None:
    """Raises: OSError where no file system has room for *name*."""
    if len(name) > MAX_NAME:
        raise too_long()


def too_long() -> OSError:
    return OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
