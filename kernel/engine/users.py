"""`--userns`: whether a container has users of its own, and which of the host's they are. Pure.

With `auto` each container has a range of the host's IDs that nobody else has. What it writes keeps the container's own
IDs on disk, because all of its mounts are ID-mapped (docs/decisions/0014-user-namespaces.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from ck.kernel.api.container import Container, HostConfig, IdRange
from ck.kernel.config import UserNamespaces
from ck.kernel.engine.names import container_of
from ck.kernel.errors import Conflict, InvalidArgument, Unsupported
from ck.kernel.linux.user_namespace import MAXIMUM, IdMapping

AUTO: Final = "auto"
HOST: Final = "host"

# Capabilities whose work the kernel does for the host's users alone (capable(9), not ns_capable), or that need a mount
# namespace of their own users'.
_HOSTS: Final = frozenset(
    "ALL AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK LINUX_IMMUTABLE "
    "MAC_ADMIN MAC_OVERRIDE PERFMON SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT SYS_RAWIO SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG SYSLOG WAKE_ALARM".split()
)
_OTHERS_END: Final = 0x7FFF_FFFF
"""One more than the highest ID that a container shares with others."""


@attrs.frozen(kw_only=True)
class Mappings:
    """For a user namespace: of its users and of its groups."""

    users: tuple[IdMapping, ...]
    groups: tuple[IdMapping, ...]


@attrs.frozen(kw_only=True)
class Obstacles:
    """Why containers of this machine cannot have users of their own, or not without a loss: "" where they can."""

    needed: str = ""
    wished: str = ""


def wants_users(host: HostConfig, default: str, machine: Obstacles) -> bool:
    """Whether it gets users of its own. Where only the config says `auto`, what cannot have them, or would lose by it,
    has the host's.

    Raises: InvalidArgument for a mode that there is not, or that contradicts the others; Unsupported.
    """
    mode = host.userns_mode
    if mode not in ("", AUTO, HOST):
        raise InvalidArgument(f"invalid user namespace mode {mode!r}: it is {HOST!r} or {AUTO!r}")
    if (mode or default) != AUTO:
        return False
    obstacle = _obstacle(host)
    if obstacle and mode == AUTO:
        raise InvalidArgument(f"{obstacle} cannot be had with --userns {AUTO}: use --userns {HOST}")
    if mode == AUTO:
        if machine.needed:
            raise Unsupported(f"--userns {AUTO} cannot be had on this machine: {machine.needed}")
        return True
    return not (obstacle or machine.needed or machine.wished)


def _obstacle(host: HostConfig) -> str:
    """What gives power over the host, which users of its own have none of."""
    if host.privileged:
        return "--privileged"
    modes = (("network", host.network_mode), ("pid", host.pid_mode), ("ipc", host.ipc_mode), ("uts", host.uts_mode))
    if found := next((f"--{name} host" for name, mode in modes if mode == "host"), ""):
        return found
    if host.device_cgroup_rules:
        return "--device-cgroup-rule"  # for nodes that are made inside, which takes the host's CAP_MKNOD
    added = {name.upper().removeprefix("CAP_") for name in host.cap_add}
    return next((f"--cap-add {name}" for name in sorted(added & _HOSTS)), "")


def joined(host: HostConfig) -> list[str]:
    """The containers whose namespaces it shares, as they were named."""
    modes = (host.network_mode, host.pid_mode, host.ipc_mode)
    return list(dict.fromkeys(other for mode in modes if (other := container_of(mode)) is not None))


def shared_range(wanted: bool, explicit: bool, others: Sequence[Container]) -> IdRange | None:
    """The range of a container that shares namespaces with *others*: theirs, since a namespace belongs to its users.

    Raises: Conflict where they differ from each other, or from what was asked for expressly.
    """
    ranges = {other.users for other in others}
    if len(ranges) > 1:
        names = " and ".join(repr(other.name) for other in others)
        raise Conflict(f"namespaces of {names} cannot be shared at once: they have different users")
    found = ranges.pop()
    if explicit and wanted != (found is not None):
        has = "users of its own" if found else "the host's users"
        raise Conflict(f"container {others[0].name!r} has {has}: who shares a namespace with it must too")
    return found


def choose_range(settings: UserNamespaces, taken: Iterable[IdRange]) -> IdRange:
    """A range that meets none of *taken*. Raises: Conflict where there is no more."""
    size = settings.size
    starts = {each.first for each in taken}
    blocked = sorted(((each.first, each.first + each.size) for each in taken), key=lambda pair: pair[0])
    for first in range(settings.first, settings.last - size + 2, size):
        if first in starts:
            continue
        if not any(begin < first + size and first < end for begin, end in blocked):
            return IdRange(first=first, size=size, others=settings.others)
    raise Conflict(
        f"no range of {size} IDs is left between {settings.first} and {settings.last}: each container with users of "
        "its own has one"
    )


def parse_subordinates(text: str) -> list[IdRange]:
    """The ranges in /etc/subuid or /etc/subgid, which others may use (subuid(5)); what is malformed is nobody's."""
    found = []
    for line in text.splitlines():
        fields = line.split("#")[0].strip().split(":")
        if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal() and int(fields[2]):
            found.append(IdRange(first=int(fields[1]), size=int(fields[2])))
    return found


def container_mappings(users: IdRange) -> Mappings:
    """Of a container's user namespace."""
    mappings = tuple(_identity(users))
    return Mappings(users=mappings, groups=mappings)


def owner_mappings(owner: tuple[int, int], users: IdRange | None, *, alone: bool = False) -> Mappings:
    """Of a mount on which what belongs to *owner* (uid, gid) on disk is root's in the container, and the reverse. What
    is root's on disk is nobody's there; with *alone* what is anybody else's too."""
    ids = list(_identity(users) if users else [IdMapping(0, 0, MAXIMUM - 1)])
    root = ids[0].outside
    if alone:
        ids = []
    return Mappings(users=_as_root(owner[0], root, ids), groups=_as_root(owner[1], root, ids))


def _identity(users: IdRange) -> Iterator[IdMapping]:
    yield IdMapping(0, users.first, users.size)
    if users.others:
        end = min(_OTHERS_END, MAXIMUM - users.others)
        yield IdMapping(users.size, users.others + users.size, end - users.size)


def _as_root(owner: int, root: int, ids: Sequence[IdMapping]) -> tuple[IdMapping, ...]:
    """*owner* as *root*, and all others of *ids* but 0 as they are."""
    parts = [IdMapping(owner, root, 1)]
    for inside, outside, size in ids:
        begin, end, shift = max(inside, 1), inside + size, outside - inside
        for first, last in ((begin, min(owner, end)), (max(owner + 1, begin), end)):
            if first < last:
                parts.append(IdMapping(first, first + shift, last - first))
    return tuple(parts)
