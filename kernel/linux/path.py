"""Paths that cannot escape: openat2(2)."""

import ctypes
import os
from typing import Final

from ck.kernel.linux.libc import syscall

RESOLVE_NO_XDEV: Final = 0x01
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10


class _OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_openat2 = syscall("openat2", ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_OpenHow), ctypes.c_size_t)


def openat2(directory: int, path: str, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """Open *path* below *directory*, close-on-exec. *resolve* is made of RESOLVE_*."""
    how = _OpenHow(flags=flags | os.O_CLOEXEC, mode=mode, resolve=resolve)
    while True:
        try:
            return _openat2(directory, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        except BlockingIOError:
            # EAGAIN: a rename or mount elsewhere raced with "..", so the kernel cannot vouch for the path; it says to
            # ask again.
            continue
