"""/dev: the device nodes and the links that programs expect."""

import errno
import os
from collections.abc import Iterable
from typing import Final

from ck.kernel.linux.mount import attach, clone_tree
from ck.plugins.builtin.runtime_native.child.plan import DevicePlan
from ck.plugins.builtin.runtime_native.child.steps.failure import doing, quote
from ck.plugins.builtin.runtime_native.child.steps.inside import make_directory, make_file

_LINKS: Final = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    # The node of the container's own devpts; config-linux.md "Default Devices".
    ("ptmx", "pts/ptmx"),
)
# A user namespace forbids the first, a file system mounted with nodev both making and opening.
_FORBIDDEN: Final = (errno.EPERM, errno.EACCES)


def make(root: int, devices: Iterable[DevicePlan]) -> None:
    """Make *devices* and the standard links below *root*."""
    # A node's mode is what the plan says, not what is left of it.
    umask = os.umask(0)
    directories: dict[str, int] = {}
    try:
        for device in devices:
            path = device["path"]
            with doing(f"make the device {quote(path)}"):
                parent, name = os.path.split(path)
                if parent not in directories:
                    directories[parent] = make_directory(root, parent)
                _make(root, directories[parent], name, device)
        with doing('make the links in "/dev"'):
            if "/dev" not in directories:
                directories["/dev"] = make_directory(root, "/dev")
            for name, target in _LINKS:
                _link(directories["/dev"], name, target)
    finally:
        os.umask(umask)
        for fd in directories.values():
            os.close(fd)


def _make(root: int, parent: int, name: str, device: DevicePlan) -> None:
    try:
        os.mknod(name, device["mode"], os.makedev(device["major"], device["minor"]), dir_fd=parent)
    except FileExistsError:
        # The image's own, which may be anything, must not stand in for the device.
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        wanted = (device["mode"], os.makedev(device["major"], device["minor"]))
        if (status.st_mode, status.st_rdev) != wanted:
            os.unlink(name, dir_fd=parent)
            _make(root, parent, name, device)
            return
    except OSError as exc:
        if exc.errno not in _FORBIDDEN:
            raise
        _bind(root, device["path"])
        return
    if device["uid"] or device["gid"]:
        os.chown(name, device["uid"], device["gid"], dir_fd=parent, follow_symlinks=False)


def _bind(root: int, path: str) -> None:
    """The host's node in its stead."""
    tree = clone_tree(path)
    target = make_file(root, path)
    attach(tree, target)
    os.close(target)
    os.close(tree)


def _link(directory: int, name: str, target: str) -> None:
    try:
        os.symlink(target, name, dir_fd=directory)
    except FileExistsError:
        if name == "ptmx":
            # A node made by the image would open the host's terminals.
            os.unlink(name, dir_fd=directory)
            os.symlink(target, name, dir_fd=directory)
