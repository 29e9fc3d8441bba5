"""Overlay file systems seen from outside: whiteouts, opaque directories, and directories merged from several layers.

Source: Linux Documentation/filesystems/overlayfs.rst. Layers of this engine are made with redirect_dir and metacopy
off, so a name in a layer stands for the same name in the layers below, and content is never split.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from ck.kernel.archive.directories import DIRECTORY, names_in

OPAQUE: Final = "trusted.overlay.opaque"
OVERLAY_XATTRS: Final = (b"trusted.overlay.", b"user.overlay.")
"""overlayfs's own book-keeping: an image that brings its own could point the kernel anywhere in its layers."""


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(directory: int) -> bool:
    """Whether the directory hides those of its name in the layers below."""
    try:
        return os.getxattr(directory, OPAQUE) == b"y"
    except OSError:
        return False


def make_opaque(directory: int) -> None:
    os.setxattr(directory, OPAQUE, b"y")


class MergedDirectory:
    """One directory of a stack of layers: its fds in the layers that take part, uppermost first."""

    def __init__(self, fds: Sequence[int]) -> None:
        """Takes the fds over; `close` closes them."""
        self._fds = list(fds)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def top(self) -> int:
        """The fd whose attributes count."""
        return self._fds[0]

    def lookup(self, name: bytes) -> tuple[int, os.stat_result] | None:
        """The fd of the uppermost layer that has *name*, and what it is there; None where none has or one hides it."""
        for fd in self._fds:
            try:
                status = os.lstat(name, dir_fd=fd)
            except FileNotFoundError:
                continue
            return None if is_whiteout(status) else (fd, status)
        return None

    def names(self) -> set[bytes]:
        """All names in the merged directory."""
        listed: set[bytes] = set()
        hidden: set[bytes] = set()
        for fd in self._fds:
            for name in names_in(fd):
                if name not in listed and name not in hidden:
                    (hidden if is_whiteout(os.lstat(name, dir_fd=fd)) else listed).add(name)
        return listed

    def child(self, name: bytes) -> "MergedDirectory | None":
        """The merged directory *name*; None where it is none."""
        fds: list[int] = []
        for fd in self._fds:
            try:
                below = os.open(name, DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                continue
            except OSError:
                break  # a whiteout or a file ends the merge
            fds.append(below)
            if is_opaque(below):
                break
        return MergedDirectory(fds) if fds else None


@contextmanager
def merged_at(layers: Sequence[int], path: bytes) -> Iterator[MergedDirectory | None]:
    """The directory *path*, free of links, of the merged *layers* (root fds, uppermost first); None if it is none."""
    current: MergedDirectory | None = merged_root(layers)
    try:
        for part in path.split(b"/") if path else ():
            if current is None:
                break
            below = current.child(part)
            current.close()
            current = below
        yield current
    finally:
        if current is not None:
            current.close()


def merged_root(layers: Sequence[int]) -> MergedDirectory:
    """The root of the merged *layers*."""
    return MergedDirectory([os.open(".", DIRECTORY, dir_fd=layer) for layer in layers])
