"""Control groups of containers, on cgroup v1, hybrid and v2 hosts (cgroups(7)).

Each container has the group `ck/<container ID>` below the root of each hierarchy that ck uses. The unified hierarchy is
always one of them, because killing, freezing and waiting by event exist only there; Linux lets it stand beside v1. What
a limit is called in v1 and v2 is in the modules of these names.
"""

from ck.kernel.linux.cgroup.accounts import AccountReader, Accounts, Transfer
from ck.kernel.linux.cgroup.devices import DeviceRule
from ck.kernel.linux.cgroup.group import Group, groups
from ck.kernel.linux.cgroup.layout import PARENT, Layout, Mode, detect, with_unified
from ck.kernel.linux.cgroup.limits import Enforceable, settings
from ck.kernel.linux.cgroup.oom import Oom, OomAccounts, unreclaimable
from ck.kernel.linux.cgroup.parent import files_of
from ck.kernel.linux.cgroup.values import Limits, Rate, Setting, SettingRefused

__all__ = [
    "PARENT",
    "AccountReader",
    "Accounts",
    "DeviceRule",
    "Enforceable",
    "Group",
    "Layout",
    "Limits",
    "Mode",
    "Oom",
    "OomAccounts",
    "Rate",
    "Setting",
    "SettingRefused",
    "Transfer",
    "detect",
    "files_of",
    "groups",
    "settings",
    "unreclaimable",
    "with_unified",
]
