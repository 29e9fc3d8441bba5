"""cgroup v1: its files, one hierarchy for each controller (Documentation/admin-guide/cgroup-v1). Pure.

Each `*_settings` function is told which *files* a group has, because some settings have two homes.
"""

from collections.abc import Collection
from typing import Final

from ck.kernel.linux.cgroup.values import Limits, Setting

_THROTTLES: Final = {
    "read-bps": "blkio.throttle.read_bps_device",
    "write-bps": "blkio.throttle.write_bps_device",
    "read-iops": "blkio.throttle.read_iops_device",
    "write-iops": "blkio.throttle.write_iops_device",
}


def memory_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """memory.txt."""
    # Memory comes before memory and swap together, which may not be the smaller of the two.
    wanted: tuple[tuple[str, int | None, str], ...] = (
        ("memory.limit_in_bytes", limits.memory, "--memory"),
        ("memory.memsw.limit_in_bytes", limits.memory_swap, "--memory-swap"),
        ("memory.soft_limit_in_bytes", limits.memory_reservation, "--memory-reservation"),
        ("memory.swappiness", limits.memory_swappiness, "--memory-swappiness"),
        ("memory.oom_control", 1 if limits.oom_kill_disable else None, "--oom-kill-disable"),
        ("memory.oom.group", 1 if limits.oom_group else None, "--oom-kill-group"),  # v2 alone has it
    )
    return [Setting("memory", file, str(value), option) for file, value, option in wanted if value is not None]


def cpu_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """scheduler/sched-design-CFS.rst, scheduler/sched-bwc.rst."""
    wanted = (
        ("cpu.shares", limits.cpu_shares, "--cpu-shares"),
        # The period goes first: a quota is checked against the period in force.
        ("cpu.cfs_period_us", limits.cpu_period, "--cpu-period"),
        ("cpu.cfs_quota_us", limits.cpu_quota, "--cpu-quota"),
    )
    return [Setting("cpu", file, str(value), option) for file, value, option in wanted if value is not None]


def io_settings(limits: Limits, files: Collection[str]) -> list[Setting]:
    """blkio-controller.rst. Only direct and synchronous writes are throttled: v1 does not know whose pages a later
    write-back takes to the disk."""
    result = []
    if limits.io_weight is not None:
        file = "blkio.bfq.weight" if "blkio.bfq.weight" in files else "blkio.weight"
        result.append(Setting("blkio", file, str(limits.io_weight), "--blkio-weight"))
    for kind, major, minor, rate in limits.io_rates:
        result.append(Setting("blkio", _THROTTLES[kind], f"{major}:{minor} {rate}", f"--device-{kind}"))
    return result
