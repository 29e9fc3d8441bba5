"""Capabilities: their numbers, capset(2), the bounding and the ambient set (capabilities(7)). Sets are bit masks."""

import ctypes
from collections.abc import Iterable
from typing import Final

from ck.kernel.linux.libc import syscall
from ck.kernel.linux.process import prctl

CAPABILITIES: Final = {
    name: number
    for number, name in enumerate(
        (
            "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID "
            "CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW "
            "CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT "
            "CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD "
            "CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG "
            "CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
        ).split()
    )
}
"""Number by name, as linux/capability.h has them."""

_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_VERSION_3: Final = 0x20080522
_LOW: Final = 0xFFFFFFFF


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct of capget(2)."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    """struct __user_cap_data_struct of capget(2); version 3 takes two, the low 32 bits first."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_capget = syscall("capget", ctypes.POINTER(_Header), ctypes.POINTER(_Data))
_capset = syscall("capset", ctypes.POINTER(_Header), ctypes.POINTER(_Data))


def mask_of(names: Iterable[str]) -> int:
    """The bit mask of capability *names*. Raises: KeyError for one that is not known."""
    mask = 0
    for name in names:
        mask |= 1 << CAPABILITIES[name]
    return mask


def names_of(mask: int) -> list[str]:
    """The names of the capabilities in *mask*, in the order of their numbers."""
    return [name for name, number in CAPABILITIES.items() if mask >> number & 1]


def permitted() -> int:
    """The permitted set of this process: what it can give on."""
    header, data = _Header(version=_VERSION_3), (_Data * 2)()
    _capget(ctypes.byref(header), data)
    return int(data[0].permitted) | int(data[1].permitted) << 32


def last_capability() -> int:
    """The highest number that this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def set_capabilities(*, effective: int, permitted: int, inheritable: int) -> None:
    """capset(2) for this process."""
    header, data = _Header(version=_VERSION_3), (_Data * 2)()
    for half, shift in ((data[0], 0), (data[1], 32)):
        half.effective = effective >> shift & _LOW
        half.permitted = permitted >> shift & _LOW
        half.inheritable = inheritable >> shift & _LOW
    _capset(ctypes.byref(header), data)


def limit_bounding(keep: int, last: int) -> None:
    """Drop every capability that is not in *keep*, up to number *last*, from the bounding set. Needs CAP_SETPCAP."""
    for number in range(last + 1):
        # The drop of one that is not there needs CAP_SETPCAP all the same, and costs a copy of the credentials.
        if not keep >> number & 1 and prctl(_PR_CAPBSET_READ, number, 0, 0, 0):
            prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)


def set_ambient(mask: int) -> None:
    """Make *mask* the ambient set; each must be permitted and inheritable already."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(mask.bit_length()):
        if mask >> number & 1:
            prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0)
