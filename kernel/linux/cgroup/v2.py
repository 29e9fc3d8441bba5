"""cgroup v2: its files, all in one hierarchy (Documentation/admin-guide/cgroup-v2.rst). Pure.

Each `*_settings` function is told which *files* a group has, because some settings have two homes.
"""

import math
from collections.abc import Collection
from typing import Final

from ck.kernel.linux.cgroup.values import Limits, Setting, or_max

_MAX_SHARES: Final = 262_144
_RATES: Final = {"read-bps": "rbps", "write-bps": "wbps", "read-iops": "riops", "write-iops": "wiops"}


def memory_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """Swappiness of a group and its OOM killer's off switch are v1's alone: their files are named, and are nowhere."""
    result = []
    if limits.memory is not None:
        result.append(Setting("memory", "memory.max", or_max(limits.memory), "--memory"))
    if limits.memory_swap is not None:
        # v2 counts swap alone.
        swap = limits.memory_swap if limits.memory_swap < 0 else limits.memory_swap - max(limits.memory or 0, 0)
        result.append(Setting("memory", "memory.swap.max", or_max(swap), "--memory-swap"))
    if limits.memory_reservation is not None:
        result.append(Setting("memory", "memory.low", or_max(limits.memory_reservation), "--memory-reservation"))
    if limits.memory_swappiness is not None:
        result.append(Setting("memory", "memory.swappiness", str(limits.memory_swappiness), "--memory-swappiness"))
    if limits.oom_kill_disable:
        result.append(Setting("memory", "memory.oom_control", "1", "--oom-kill-disable"))
    if limits.oom_group:
        result.append(Setting("memory", "memory.oom.group", "1", "--oom-kill-group"))
    return result


def cpu_settings(limits: Limits, _files: Collection[str]) -> list[Setting]:
    """A quota of v1 and its period are one line here."""
    result = []
    if limits.cpu_shares is not None:
        result.append(Setting("cpu", "cpu.weight", str(weight_of(limits.cpu_shares)), "--cpu-shares"))
    if limits.cpu_quota is not None or limits.cpu_period is not None:
        quota = or_max(-1 if limits.cpu_quota is None else limits.cpu_quota)
        period = "" if limits.cpu_period is None else f" {limits.cpu_period}"
        option = "--cpu-quota" if limits.cpu_quota is not None else "--cpu-period"
        result.append(Setting("cpu", "cpu.max", quota + period, option))
    return result


def io_settings(limits: Limits, files: Collection[str]) -> list[Setting]:
    """Write-back is throttled too, on file systems that tell whose pages it takes to the disk."""
    result = []
    if limits.io_weight is not None:
        if "io.bfq.weight" in files:
            result.append(Setting("io", "io.bfq.weight", str(limits.io_weight), "--blkio-weight"))
        else:
            result.append(Setting("io", "io.weight", str(_io_weight(limits.io_weight)), "--blkio-weight"))
    for kind, major, minor, rate in limits.io_rates:
        value = f"{major}:{minor} {_RATES[kind]}={rate or 'max'}"
        result.append(Setting("io", "io.max", value, f"--device-{kind}"))
    return result


def weight_of(shares: int) -> int:
    """cpu.weight (1 to 10000) for v1's cpu.shares (2 to 262144), so that the defaults, 100 and 1024, and the ends of
    both ranges are one another's (the OCI runtime spec's conversion, as runc and crun have it since 2025)."""
    bounded = min(max(shares, 2), _MAX_SHARES)
    log = math.log2(bounded)
    return min(max(math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34)), 1), 10_000)


def _io_weight(weight: int) -> int:
    """io.weight (1 to 10000) for v1's blkio.weight (10 to 1000), by the line through the ends of both ranges."""
    return 1 + (weight - 10) * 9999 // 990
