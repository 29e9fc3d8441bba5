"""Which capabilities a container gets (capabilities(7)). Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from ck.kernel.errors import InvalidArgument, Unsupported

ALL: Final = tuple(
    "CAP_" + name
    for name in (
        # In the order of their numbers, linux/capability.h.
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
        "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
        "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)

DEFAULT: Final = tuple(
    "CAP_" + name
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE"
    ).split()
)
"""Docker's default set."""


def available(bounding: int) -> frozenset[str]:
    """The names of the capabilities in a bounding set of one bit each."""
    return frozenset(name for number, name in enumerate(ALL) if bounding >> number & 1)


def choose(add: Sequence[str], drop: Sequence[str], *, privileged: bool, host: Collection[str]) -> tuple[str, ...]:
    """The container's set, in the order of ALL.

    It is `--cap-add` and `--cap-drop` on the default, or all that the *host* has.
    Raises: InvalidArgument for a name that is none; Unsupported for an added one that the engine itself does not have.
    """
    added, dropped = _names(add), _names(drop)
    if privileged:
        return tuple(name for name in ALL if name in host)
    for name in added - {"ALL"}:
        if name not in host:
            raise Unsupported(f"cannot add {name}: the engine itself runs without it on this host")
    base = set() if "ALL" in dropped else set(ALL if "ALL" in added else DEFAULT)
    if "ALL" in added and "ALL" in dropped:
        base = set(ALL)
    chosen = ((base - dropped) | (added - {"ALL"})) & set(host)
    return tuple(name for name in ALL if name in chosen)


def _names(given: Sequence[str]) -> set[str]:
    names = set()
    for name in given:
        upper = name.upper()
        full = upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"
        full = "ALL" if full == "CAP_ALL" else full
        if full != "ALL" and full not in ALL:
            raise InvalidArgument(f"invalid capability {name!r}")
        names.add(full)
    return names
