"""Mounts: mount(2), umount2(2), pivot_root(2), and by file descriptors open_tree(2), move_mount(2), mount_setattr(2),
fsopen(2), fsconfig(2), fsmount(2)."""

import ctypes
import os
from collections.abc import Mapping
from typing import Final

from ck.kernel.linux.libc import function, syscall

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_MANDLOCK: Final = 0x40
MS_DIRSYNC: Final = 0x80
MS_NOSYMFOLLOW: Final = 0x100
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_MOVE: Final = 0x2000
MS_REC: Final = 0x4000
MS_SILENT: Final = 0x8000
MS_UNBINDABLE: Final = 1 << 17
MS_PRIVATE: Final = 1 << 18
MS_SLAVE: Final = 1 << 19
MS_SHARED: Final = 1 << 20
MS_RELATIME: Final = 1 << 21
MS_STRICTATIME: Final = 1 << 24
MS_LAZYTIME: Final = 1 << 25

MNT_DETACH: Final = 0x2

OPEN_TREE_CLONE: Final = 0x1
AT_RECURSIVE: Final = 0x8000
AT_EMPTY_PATH: Final = 0x1000
AT_FDCWD: Final = -100

MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MOVE_MOUNT_T_EMPTY_PATH: Final = 0x40

MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4
MOUNT_ATTR_NOEXEC: Final = 0x8
MOUNT_ATTR_ATIME: Final = 0x70  # the field that holds the next three
MOUNT_ATTR_RELATIME: Final = 0x0
MOUNT_ATTR_NOATIME: Final = 0x10
MOUNT_ATTR_STRICTATIME: Final = 0x20
MOUNT_ATTR_NODIRATIME: Final = 0x80
MOUNT_ATTR_IDMAP: Final = 0x100000
MOUNT_ATTR_NOSYMFOLLOW: Final = 0x200000

_FSOPEN_CLOEXEC: Final = 0x1
_FSMOUNT_CLOEXEC: Final = 0x1
_FSCONFIG_SET_STRING: Final = 1
_FSCONFIG_CMD_CREATE: Final = 6


class _MountAttr(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


_mount = function("mount", ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_umount2 = function("umount2", ctypes.c_char_p, ctypes.c_int)
_pivot_root = syscall("pivot_root", ctypes.c_char_p, ctypes.c_char_p)
_open_tree = syscall("open_tree", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_move_mount = syscall("move_mount", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_mount_setattr = syscall(
    "mount_setattr", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.POINTER(_MountAttr), ctypes.c_size_t
)

_fsopen = syscall("fsopen", ctypes.c_char_p, ctypes.c_uint)
_fsconfig = syscall("fsconfig", ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
_fsmount = syscall("fsmount", ctypes.c_int, ctypes.c_uint, ctypes.c_uint)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2): *flags* are MS_*, *data* the file system's own options."""
    _mount(os.fsencode(source), os.fsencode(target), os.fsencode(kind), flags, os.fsencode(data) or None)


def set_propagation(target: str, flags: int) -> None:
    """Change how mounts below *target* spread: one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, perhaps
    MS_REC."""
    _mount(None, os.fsencode(target), None, flags, None)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _umount2(os.fsencode(target), flags)


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2); "." twice stacks the old root over the new one, ready to be unmounted."""
    _pivot_root(os.fsencode(new_root), os.fsencode(put_old))


def clone_tree(path: str, *, directory: int = AT_FDCWD, recursive: bool = False) -> int:
    """A detached copy of the mount at *path* (an empty one is the file *directory* itself), as a close-on-exec fd.

    What is a bind mount once `attach` puts it somewhere; closing the fd before that drops it.
    """
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0) | (0 if path else AT_EMPTY_PATH)
    return _open_tree(directory, os.fsencode(path), flags)


def new_tree(kind: str, parameters: Mapping[str, str], attributes: int = 0) -> int:
    """A detached mount of a file system of its own, as a close-on-exec fd for `attach`; closing it before drops it.

    *parameters* are what mount(2) takes as source ("source", at most 255 bytes) and as data, *attributes* MOUNT_ATTR_*.
    """
    context = _fsopen(os.fsencode(kind), _FSOPEN_CLOEXEC)
    try:
        for key, value in parameters.items():
            _fsconfig(context, _FSCONFIG_SET_STRING, os.fsencode(key), os.fsencode(value), 0)
        _fsconfig(context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return _fsmount(context, _FSMOUNT_CLOEXEC, attributes)
    finally:
        os.close(context)


def attach(tree: int, target: int) -> None:
    """Put the detached mount *tree* on top of the file or directory that *target* is open on."""
    _move_mount(tree, b"", target, b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)


def set_attributes(
    tree: int,
    *,
    add: int = 0,
    drop: int = 0,
    propagation: int = 0,
    recursive: bool = False,
    path: str = "",
    user_namespace: int = 0,
) -> None:
    """mount_setattr(2) on the mount *tree*, or on the one at *path* below it: MOUNT_ATTR_* to add and to drop, and
    MS_* for how it spreads. *user_namespace*, an fd, is the one of MOUNT_ATTR_IDMAP."""
    attributes = _MountAttr(attr_set=add, attr_clr=drop, propagation=propagation, userns_fd=user_namespace)
    flags = (AT_RECURSIVE if recursive else 0) | (0 if path else AT_EMPTY_PATH)
    _mount_setattr(tree, os.fsencode(path), flags, ctypes.byref(attributes), ctypes.sizeof(attributes))
