"""The group that holds those of containers: made with what it hands down, and removed when it is of no use."""

import errno
import os
from contextlib import suppress
from typing import Final

from ck.kernel.linux.cgroup.files import make, read, write
from ck.kernel.linux.cgroup.layout import V2_CONTROLLERS, Layout

_MADE_BY_US: Final = "trusted.ck.made"

_CPUSETS: Final = ("cpuset.cpus", "cpuset.mems")


def make_parent(layout: Layout, top: str, parent: str) -> None:
    """Make the group *parent*, a path relative to the hierarchy mounted at *top*, and all above it. Raises:
    NotADirectoryError where one of them is a file of the kernel."""
    path = top
    for name in parent.split("/"):
        above, path = path, os.path.join(path, name)
        fresh = make(path)
        if top == layout.unified:
            hand_down(layout, above)
        if fresh:
            os.setxattr(path, _MADE_BY_US, b"1")
    if top == layout.unified:
        hand_down(layout, path)
    elif top == layout.v1.get("cpuset"):
        inherit_cpuset(top, parent)


def remove_parent(top: str, parent: str) -> None:
    """Remove what `make_parent` has made of *parent* and above it, as far as no group is left below."""
    path = parent
    while path:
        directory = os.path.join(top, path)
        try:
            if not os.path.isfile(directory):  # which `make_parent` stopped at
                os.getxattr(directory, _MADE_BY_US)
                os.rmdir(directory)
        except OSError:
            return  # gone, in use, or somebody else's
        path = os.path.dirname(path)


def inherit_cpuset(top: str, group: str) -> None:
    """Have *group*, a path relative to v1's cpuset hierarchy, and all above it take processes: none does before it has
    CPUs and memory nodes, which are those of the group above it where nobody says otherwise (cpusets.rst)."""
    path = top
    for name in group.split("/"):
        above, path = path, os.path.join(path, name)
        for file in _CPUSETS:
            if not read(os.path.join(path, file)).strip():
                write(os.path.join(path, file), read(os.path.join(above, file)))


def files_of(layout: Layout) -> frozenset[str]:
    """The names of the files that a container's group has, in whichever hierarchy. Makes the parent where it is not
    there."""
    found: set[str] = set()
    for top in layout.tops:
        directory = os.path.join(top, layout.parent)
        with suppress(OSError):
            make_parent(layout, top, layout.parent)
        with suppress(FileNotFoundError):
            found.update(os.listdir(directory))
    return frozenset(found)


def hand_down(layout: Layout, group: str) -> None:
    """Let the groups below *group* of the unified hierarchy have the controllers that v1 does not hold."""
    offered = read(os.path.join(group, "cgroup.controllers")).split()
    taken = {"io" if name == "blkio" else name for name in layout.v1}
    wanted = {name for name in V2_CONTROLLERS if name in offered and name not in taken}
    missing = wanted - set(read(os.path.join(group, "cgroup.subtree_control")).split())
    for name in sorted(missing):
        try:
            write(os.path.join(group, "cgroup.subtree_control"), f"+{name}")
        except OSError as exc:
            # A process in the group itself, or one that runs in real time, keeps a controller from being handed down:
            # what it would limit is then not enforceable, and said so.
            if exc.errno not in (errno.EBUSY, errno.EINVAL, errno.EOPNOTSUPP):
                raise
