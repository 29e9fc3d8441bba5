"""Load a seccomp filter, a plain BPF program (seccomp(2))."""

import ctypes
from typing import Final

from ck.kernel.linux.libc import syscall

_SECCOMP_SET_MODE_FILTER: Final = 1
_INSTRUCTION_SIZE: Final = 8  # struct sock_filter

FILTER_FLAGS: Final = {
    "SECCOMP_FILTER_FLAG_TSYNC": 0x1,
    "SECCOMP_FILTER_FLAG_LOG": 0x2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 0x4,
}


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_seccomp = syscall("seccomp", ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(_Program))


def load_filter(instructions: bytes, flags: int = 0) -> None:
    """Install *instructions* (struct sock_filter each) for this thread and its children. Needs no_new_privs or
    CAP_SYS_ADMIN."""
    program = _Program(length=len(instructions) // _INSTRUCTION_SIZE, instructions=instructions)
    _seccomp(_SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(program))
