"""Paths that the container may not see, or not change."""

import os
import stat
from collections.abc import Iterable

from ck.kernel.linux.mount import (
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    attach,
    clone_tree,
    mount,
    set_attributes,
)
from ck.plugins.builtin.runtime_native.child.steps.failure import doing, quote
from ck.plugins.builtin.runtime_native.child.steps.inside import open_inside


def make_read_only(root: int, paths: Iterable[str]) -> None:
    """Cover each of *paths* by itself, read-only; one that is not there needs none."""
    for path in paths:
        with doing(f"make {quote(path)} read-only"):
            target = _find(root, path)
            if target is None:
                continue
            tree = clone_tree("", directory=target, recursive=True)
            set_attributes(tree, add=MOUNT_ATTR_RDONLY, recursive=True)
            attach(tree, target)
            os.close(tree)
            os.close(target)


def mask(root: int, paths: Iterable[str]) -> None:
    """Cover files by /dev/null and directories by an empty, read-only one."""
    null = empty = -1
    for path in paths:
        with doing(f"mask {quote(path)}"):
            target = _find(root, path)
            if target is None:
                continue
            # The first of each kind is copied for all others; a mount that is nowhere yet could not be (open_tree(2),
            # before Linux 6.15).
            if not stat.S_ISDIR(os.fstat(target).st_mode):
                if null < 0:
                    _cover_by_null(target)
                    null = open_inside(root, path)
                else:
                    _cover(target, null)
            elif empty < 0:
                flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
                mount("tmpfs", f"/proc/self/fd/{target}", "tmpfs", flags, "size=4k,nr_inodes=2")
                empty = open_inside(root, path)
            else:
                _cover(target, empty)
            os.close(target)
    for fd in (null, empty):
        if fd >= 0:
            os.close(fd)


def _cover_by_null(target: int) -> None:
    # The host's own node: the one in the container may be a trap that the image set.
    tree = clone_tree("/dev/null")
    # No node needs to work there but this one.
    set_attributes(tree, add=MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
    attach(tree, target)
    os.close(tree)


def _cover(target: int, mounted: int) -> None:
    copy = clone_tree("", directory=mounted)
    attach(copy, target)
    os.close(copy)


def _find(root: int, path: str) -> int | None:
    try:
        return open_inside(root, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
