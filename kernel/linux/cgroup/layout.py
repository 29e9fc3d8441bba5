"""Which cgroup hierarchies this host has, and where."""

import enum
import os
from typing import Final, NamedTuple

from ck.kernel.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount

V1_CONTROLLERS: Final = ("pids", "memory", "cpu", "cpuacct", "blkio", "cpuset")
"""What ck accounts and limits with. Freezing, killing and device access are the unified hierarchy's on every host."""

V2_CONTROLLERS: Final = ("pids", "memory", "cpu", "io", "cpuset")

V2_NAMES: Final = {"blkio": "io", "cpuacct": "cpu"}
"""Of the controllers that v2 calls otherwise."""

PARENT: Final = "ck"
"""Where the containers' groups are below each hierarchy's root, unless somebody says otherwise."""


class Mode(enum.StrEnum):
    """How the host uses cgroups; the words are systemd's."""

    V1 = "v1"
    HYBRID = "hybrid"
    V2 = "v2"


class Layout(NamedTuple):
    """Mount points: of cgroup2 ("" where it is not mounted), and of the v1 hierarchy of each of V1_CONTROLLERS that
    has one. `parent` is the group that holds those of the containers, relative to them."""

    unified: str
    v1: dict[str, str]
    parent: str = PARENT

    @property
    def mode(self) -> Mode:
        if not self.v1:
            return Mode.V2
        return Mode.HYBRID if self.unified else Mode.V1

    @property
    def tops(self) -> list[str]:
        """Each hierarchy once, the unified one last."""
        return [*dict.fromkeys(self.v1.values()), self.unified]

    def directory(self, controller: str, group: str) -> str:
        """Of *group*, a path relative to the hierarchies' roots, where *controller* (v1's name or v2's) is."""
        return os.path.join(self.v1.get(controller, self.unified), group)


def detect(mountinfo: str | None = None) -> Layout:
    """Read the layout from *mountinfo*, the text of /proc/self/mountinfo (proc_pid_mountinfo(5)); this process's by
    default."""
    if mountinfo is None:
        with open("/proc/self/mountinfo") as file:
            mountinfo = file.read()
    unified = ""
    v1: dict[str, str] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        root, mount_point = left.split(" ")[3:5]
        kind, _, options = right.split(" ", 2)
        if root != "/":
            continue  # a part of a hierarchy, as containers see it
        if kind == "cgroup2":
            unified = unified or mount_point
        elif kind == "cgroup":
            for controller in options.split(","):
                if controller in V1_CONTROLLERS:
                    v1.setdefault(controller, mount_point)
    return Layout(unified, v1)


def with_unified(layout: Layout, directory: str) -> Layout:
    """Return *layout* with cgroup2: where the host does not mount it, mount it on *directory* (made if missing)."""
    if layout.unified:
        return layout
    os.makedirs(directory, mode=0o755, exist_ok=True)
    mount("cgroup2", directory, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    return layout._replace(unified=directory)
