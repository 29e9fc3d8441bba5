"""Namespaces: unshare(2), setns(2), /proc/PID/ns (namespaces(7))."""

import ctypes
import os
from typing import Final

from ck.kernel.linux.libc import function

CLONE_FLAGS: Final = {
    "time": 0x00000080,
    "mnt": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
"""The flag of clone(2) by the name of the file in /proc/PID/ns."""

_unshare = function("unshare", ctypes.c_int)
_setns = function("setns", ctypes.c_int, ctypes.c_int)


def unshare(flags: int) -> None:
    """Leave the shared namespaces for new ones. A new PID namespace holds the children, not the caller."""
    _unshare(flags)


def setns(fd: int, flags: int) -> None:
    """Join the namespace *fd*, which must be of the kind *flags* says; with a pidfd, that process's namespaces of all
    the kinds in *flags* (Linux 5.8)."""
    _setns(fd, flags)


def open_namespace(pid: int | str, kind: str) -> int:
    """The namespace of kind *kind* ("net", "mnt", ...) that process *pid* ("self" too) is in, as a close-on-exec fd."""
    return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
