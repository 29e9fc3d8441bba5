"""Control groups of containers, on cgroup v1, hybrid and v2 hosts (cgroups(7)).

Each container has the group `ck/<container ID>` below the root of each hierarchy that ck uses. The unified hierarchy is
always one of them, because killing, freezing and waiting by event exist only there; Linux lets it stand beside v1.
"""

from ck.kernel.linux.cgroup.devices import DeviceRule
from ck.kernel.linux.cgroup.group import Group, Usage, groups
from ck.kernel.linux.cgroup.layout import Layout, Mode, detect, with_unified
from ck.kernel.linux.cgroup.limits import Limits, Setting, settings

__all__ = [
    "DeviceRule",
    "Group",
    "Layout",
    "Limits",
    "Mode",
    "Setting",
    "Usage",
    "detect",
    "groups",
    "settings",
    "with_unified",
]
