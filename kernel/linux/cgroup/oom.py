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


class OomAccounts:
    """Of one group, while processes live in it."""

    def __init__(self, layout: Layout, group: Group) -> None:
        self._v1 = "memory" in layout.v1
        self._top, self._path, self._directory = layout.directory("memory", ""), group.path, group.directory("memory")
        self._before: dict[str, int] | None = None
        self.last = Oom(0, "")

    def look(self, *, notified: bool = False) -> bool:
        """Whether the kernel has killed since the last look; then `last` tells of it. *notified*: since then v1's
        event has told that the limit of this group or of one above was reached. A group that is gone has no accounts.
        """
        kills = field(os.path.join(self._directory, "memory.oom_control" if self._v1 else "memory.events"), "oom_kill")
        first, more = self._before is None, kills > self.last.kills
        if first or more:
            reached = self._reached()
            if more:
                # v1 has no count of how often: a limit that was reached once by reclaimable pages looks the same.
                before = {} if self._v1 or self._before is None else self._before
                above = [path for path, count in reached.items() if count > before.get(path, 0)]
                known = first or notified or not self._v1
                path = above[0] if above and known else HOST
                self.last = Oom(kills, OWN if path == self._path else path)
            self._before = reached
        return more

    def _reached(self) -> dict[str, int]:
        """How often the limit of this group and of those above it was reached, in this order."""
        found = {}
        path = self._path
        while path:
            directory = os.path.join(self._top, path)
            found[path] = _v1_reached(directory) if self._v1 else _v2_reached(directory)
            path = os.path.dirname(path)
        return found


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


def _v2_reached(directory: str) -> int:
    # The local file counts the group's own limit alone; of memory.events a child's would be part.
    return field(os.path.join(directory, "memory.events.local"), "oom")
