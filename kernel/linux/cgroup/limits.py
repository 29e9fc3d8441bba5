"""Limits as the files of the cgroup controllers take them. Pure."""

from typing import NamedTuple

_MAX_WEIGHT = 10_000
_MAX_SHARES = 262_144


class Limits(NamedTuple):
    """Of one group. Bytes; microseconds; None for what is not limited, -1 for what is expressly unlimited."""

    memory: int | None = None
    memory_swap: int | None = None  # memory and swap together, as v1 counts
    memory_reservation: int | None = None
    pids: int | None = None
    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None


class Setting(NamedTuple):
    """Write *value* to *file* in the group of *controller*."""

    controller: str
    file: str
    value: str


def settings(limits: Limits, *, v1: bool) -> list[Setting]:
    """What to write for *limits*, in order."""
    return _v1(limits) if v1 else _v2(limits)


def _v1(limits: Limits) -> list[Setting]:
    # Memory comes before memory and swap together, which may not be the smaller of the two.
    wanted = (
        ("memory", "memory.limit_in_bytes", limits.memory),
        ("memory", "memory.memsw.limit_in_bytes", limits.memory_swap),
        ("memory", "memory.soft_limit_in_bytes", limits.memory_reservation),
        ("cpu", "cpu.shares", limits.cpu_shares),
        # The period goes first: a quota is checked against the period in force.
        ("cpu", "cpu.cfs_period_us", limits.cpu_period),
        ("cpu", "cpu.cfs_quota_us", limits.cpu_quota),
    )
    result = [Setting(controller, file, str(value)) for controller, file, value in wanted if value is not None]
    if limits.pids is not None:
        result.append(Setting("pids", "pids.max", _or_max(limits.pids)))
    return result


def _v2(limits: Limits) -> list[Setting]:
    result = []
    if limits.memory is not None:
        result.append(Setting("memory", "memory.max", _or_max(limits.memory)))
    if limits.memory_swap is not None:
        # v2 counts swap alone.
        swap = limits.memory_swap if limits.memory_swap < 0 else limits.memory_swap - max(limits.memory or 0, 0)
        result.append(Setting("memory", "memory.swap.max", _or_max(swap)))
    if limits.memory_reservation is not None:
        result.append(Setting("memory", "memory.low", _or_max(limits.memory_reservation)))
    if limits.cpu_shares is not None:
        result.append(Setting("cpu", "cpu.weight", str(weight_of(limits.cpu_shares))))
    if limits.cpu_quota is not None or limits.cpu_period is not None:
        quota = _or_max(-1 if limits.cpu_quota is None else limits.cpu_quota)
        period = "" if limits.cpu_period is None else f" {limits.cpu_period}"
        result.append(Setting("cpu", "cpu.max", quota + period))
    if limits.pids is not None:
        result.append(Setting("pids", "pids.max", _or_max(limits.pids)))
    return result


def weight_of(shares: int) -> int:
    """cpu.weight (1 to 10000) for v1's cpu.shares (2 to 262144), by the line through the ends of both ranges."""
    bounded = min(max(shares, 2), _MAX_SHARES)
    return 1 + (bounded - 2) * (_MAX_WEIGHT - 1) // (_MAX_SHARES - 2)


def _or_max(value: int) -> str:
    return "max" if value < 0 else str(value)
