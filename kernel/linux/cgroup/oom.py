"""Out of memory: how often in a group, and by whose limit."""

import os
from typing import Final, NamedTuple

from ck.kernel.linux.cgroup.files import read
from ck.kernel.linux.cgroup.group import Group
from ck.kernel.linux.cgroup.layout import Layout

OWN: Final = "own"
HOST: Final = "host"

_NO_LIMIT: Final = 1 << 62  # v1 shows a group without one as having all that a long counts, in pages


_BATCH: Final = 64 * 4096  # the kernel charges this much at once


class Oom(NamedTuple):
    """`kills` are the processes of the group that the kernel has killed. `limit` is whose limit was reached: OWN, the
    path of a group above, or HOST where the whole machine ran out; "" where none was killed."""

    kills: int
    limit: str


def read_oom(layout: Layout, group: Group) -> Oom:
    """Read the accounts; a group that is gone has none."""
    v1 = "memory" in layout.v1
    directory = group.directory("memory")
    kills = field(os.path.join(directory, "memory.oom_control" if v1 else "memory.events"), "oom_kill")
    if not kills:
        return Oom(0, "")
    top, path = layout.directory("memory", ""), group.path
    reached = _v1_reached if v1 else _v2_reached
    while path:
        if reached(os.path.join(top, path)):
            return Oom(kills, OWN if path == group.path else path)
        path = os.path.dirname(path)
    return Oom(kills, HOST)


def unreclaimable(group: Group) -> int:
    """The bytes of a v2 group that the kernel cannot take back, but by swapping."""
    path = os.path.join(group.directory("memory"), "memory.stat")
    return sum(field(path, kind) for kind in ("anon", "shmem", "unevictable", "slab_unreclaimable", "kernel_stack"))


def field(path: str, key: str) -> int:
    """The number beside *key* in a file of "key number" lines; 0 where there is none."""
    for line in read(path).splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _v1_reached(directory: str) -> bool:
    # By the peak: newer kernels count failures against memory and swap together no more.
    for kind in ("memory", "memory.memsw"):
        limit, peak = (
            int(read(os.path.join(directory, f"{kind}.{file}_in_bytes")) or 0) for file in ("limit", "max_usage")
        )
        if 0 < limit < _NO_LIMIT and peak >= limit - _BATCH:
            return True
    return False


def _v2_reached(directory: str) -> bool:
    # The local file counts the group's own limit alone; of memory.events a child's would be part.
    return field(os.path.join(directory, "memory.events.local"), "oom") > 0
