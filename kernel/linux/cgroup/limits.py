"""What one container may take, and the files of the cgroup controllers that say so. Pure.

How each hierarchy spells a limit is in v1.py and v2.py; here is which of them has a say about which resource.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from ck.kernel.linux.cgroup import v1, v2
from ck.kernel.linux.cgroup.layout import Layout
from ck.kernel.linux.cgroup.values import Limits, Setting, or_max


def cpuset_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """Spelled alike in both versions (cpusets.rst)."""
    wanted = (
        ("cpuset.cpus", limits.cpuset_cpus, "--cpuset-cpus"),
        ("cpuset.mems", limits.cpuset_mems, "--cpuset-mems"),
    )
    return [Setting("cpuset", file, value, option) for file, value, option in wanted if value]


def pids_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """Spelled alike in both versions (pids.rst)."""
    return [] if limits.pids is None else [Setting("pids", "pids.max", or_max(limits.pids), "--pids-limit")]


# The resource, the v1 controller that limits it, and what writes its settings in either version.
_RESOURCES: Final = (
    ("memory", v1.memory_settings, v2.memory_settings),
    ("cpu", v1.cpu_settings, v2.cpu_settings),
    ("cpuset", cpuset_settings, cpuset_settings),
    ("pids", pids_settings, pids_settings),
    ("blkio", v1.io_settings, v2.io_settings),
)


class Enforceable(NamedTuple):
    """`settings` are to be written in order; `missing` are options of the command line with the file that this kernel
    has not."""

    settings: list[Setting]
    missing: list[tuple[str, str]]


def settings(limits: Limits, layout: Layout, files: Collection[str]) -> Enforceable:
    """What to write for *limits* where groups have *files* (Group.files).

    v1 gives each controller a hierarchy of its own, or leaves it to v2: each is spelled as where it is.
    """
    wanted = [
        setting
        for controller, of_v1, of_v2 in _RESOURCES
        for setting in (of_v1 if controller in layout.v1 else of_v2)(limits, files)
    ]
    return Enforceable(
        [setting for setting in wanted if setting.file in files],
        list(dict.fromkeys((setting.option, setting.file) for setting in wanted if setting.file not in files)),
    )
