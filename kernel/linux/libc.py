"""The C library through ctypes: how the other modules here reach system calls.

Prototypes are made at import, because the child of a fork has no time to look anything up.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any, Final

libc: Final = ctypes.CDLL(None, use_errno=True)

# Numbers from 424 on are the same on every architecture; of the older ones two tables cover all 64-bit machines that
# run containers: x86-64's own and the generic one (asm-generic/unistd.h).
_NUMBERS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {"capget": 125, "capset": 126, "pivot_root": 155, "keyctl": 250, "seccomp": 317, "bpf": 321},
    "generic": {"capget": 90, "capset": 91, "pivot_root": 41, "keyctl": 219, "seccomp": 277, "bpf": 280},
}
_GENERIC_MACHINES: Final = frozenset({"aarch64", "riscv64", "loongarch64"})
_COMMON: Final = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "mount_setattr": 442,
}


def error(name: str, *, number: int | None = None) -> OSError:
    """The OSError of the last failed call of this thread, or of errno *number*; *name* is the call's."""
    code = ctypes.get_errno() if number is None else number
    return OSError(code, f"{name}: {os.strerror(code)}")


def function(name: str, *argtypes: Any) -> Callable[..., int]:
    """The libc function *name*, which returns an int and -1 with errno on failure; that becomes OSError."""
    entry = getattr(libc, name)
    entry.argtypes = argtypes
    entry.restype = ctypes.c_int

    def check(result: int, _function: object, _arguments: object) -> int:
        if result == -1:
            raise error(name)
        return result

    entry.errcheck = check
    return entry  # type: ignore[no-any-return]  # a ctypes function is callable, but typed as Any


def syscall_number(name: str) -> int | None:
    """The number of the call *name* on this machine; None where this module does not know it."""
    machine = os.uname().machine
    table = _NUMBERS["generic" if machine in _GENERIC_MACHINES else machine] if _is_known(machine) else {}
    return _COMMON.get(name, table.get(name))


def _is_known(machine: str) -> bool:
    return machine in _NUMBERS or machine in _GENERIC_MACHINES


def syscall(name: str, *argtypes: Any) -> Callable[..., int]:
    """The system call *name*, for which the C library has no wrapper of old. On an unknown machine it fails with
    ENOSYS."""
    number = syscall_number(name)
    # One prototype per call: CDLL gives a new function object for each subscription, so they do not share argtypes.
    entry = libc["syscall"]
    entry.argtypes = (ctypes.c_long, *argtypes)
    entry.restype = ctypes.c_long

    def call(*arguments: Any) -> int:
        if number is None:
            raise error(name, number=errno.ENOSYS)
        result: int = entry(number, *arguments)
        if result == -1:
            raise error(name)
        return result

    return call
