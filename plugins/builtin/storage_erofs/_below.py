"""What lies under a layer: the merged layers that it stands on, looked into where its archive alone does not tell."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ck.kernel.archive.directories import HANDLE
from ck.kernel.archive.merged import merged_at
from ck.kernel.archive.nodes import handle_path, read_xattrs
from ck.plugins.builtin.storage_erofs._node import Directory, Node


class Below(Protocol):
    """Paths are clean, relative and free of links; b"" is the root."""

    def find(self, path: bytes) -> Node | None:
        """What the lower layers have at *path*: a Directory without its children, a Node with a link's target; None
        where they have nothing."""

    def names(self) -> set[bytes]:
        """What the lower layers have in the root."""


class MergedBelow:
    """Lower layers, that are opened when they are first asked for."""

    def __init__(self, layers: Callable[[], Sequence[int]]) -> None:
        """*layers* gives fds of the roots, uppermost first, none under the lowest layer. They stay the caller's, who is
        asked once at most."""
        self._open = layers
        self._layers: Sequence[int] | None = None

    def find(self, path: bytes) -> Node | None:
        if not self._opened():
            return None
        above, _, name = path.rpartition(b"/")
        with merged_at(self._opened(), above) as directory:
            if directory is None:
                return None
            if not name:
                return _node(os.fstat(directory.top()), read_xattrs(directory.top()))
            found = directory.lookup(name)
            if found is None:
                return None
            parent, status = found
            handle = os.open(name, HANDLE, dir_fd=parent)
            try:
                link = os.readlink(b"", dir_fd=handle) if stat.S_ISLNK(status.st_mode) else b""
                return _node(status, read_xattrs(handle_path(handle)), link)
            finally:
                os.close(handle)

    def names(self) -> set[bytes]:
        with merged_at(self._opened(), b"") as directory:
            return directory.names() if directory else set()

    def _opened(self) -> Sequence[int]:
        if self._layers is None:
            self._layers = self._open()
        return self._layers


def _node(status: os.stat_result, xattrs: Mapping[bytes, bytes], link: bytes = b"") -> Node:
    make = Directory if stat.S_ISDIR(status.st_mode) else Node
    return make(status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, xattrs or None, link=link)
