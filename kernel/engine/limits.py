"""Limits of a container: which can be, what they mean together, and how the OCI runtime spec says them. Pure.

The rules and the words are Docker's (daemon_unix.go, verifyPlatformContainerResources).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.api.container import DeviceRate, HostConfig, Resources
from ck.kernel.errors import InvalidArgument

_LEAST_MEMORY: Final = 6 << 20
_LEAST_SHARES, _MOST_SHARES = 2, 262_144  # the kernel takes others for these without a word (runc refuses them too)
_MOST_IOPS: Final = 2**32 - 1  # the kernel keeps 32 bits
_CPU_PERIOD_US: Final = 100_000
_RANGE: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_THROTTLES: Final = {
    "read-bps": "throttleReadBpsDevice",
    "write-bps": "throttleWriteBpsDevice",
    "read-iops": "throttleReadIOPSDevice",
    "write-iops": "throttleWriteIOPSDevice",
}
_RATES: Final = {kind: f"device_{kind.replace('-', '_')}" for kind in _THROTTLES}  # in Resources


@attrs.frozen(kw_only=True)
class Machine:
    """Which CPUs and memory nodes are online."""

    cpus: frozenset[int]
    memory_nodes: frozenset[int] = frozenset({0})


@attrs.frozen(kw_only=True)
class BlockRate:
    """A DeviceRate whose device was looked up; `kind` is its field in Resources without "device_" ("read-bps")."""

    kind: str
    major: int
    minor: int
    rate: int


def with_swap(resources: Resources) -> Resources:
    """A memory limit alone allows as much swap again."""
    if resources.memory > 0 and resources.memory_swap == 0:
        return attrs.evolve(resources, memory_swap=2 * resources.memory)
    return resources


def check_limits(resources: Resources, machine: Machine) -> list[str]:
    """Return warnings. Raises: InvalidArgument for limits that cannot be."""
    _check_memory(resources)
    _check_cpu(resources, machine)
    for kind, rate in rates_of(resources):
        if kind.endswith("iops") and rate.rate > _MOST_IOPS:
            raise InvalidArgument(f"the maximum allowed device-{kind} is {_MOST_IOPS}, not {rate.rate} of {rate.path}")
    if resources.blkio_weight and not 10 <= resources.blkio_weight <= 1000:
        raise InvalidArgument(f"range of blkio weight is from 10 to 1000, not {resources.blkio_weight}")
    if resources.oom_kill_disable and not resources.memory:
        return [
            "OOM killer is disabled for the container, but no memory limit is set: "
            "this can result in the system running out of resources"
        ]
    return []


def _check_memory(resources: Resources) -> None:
    memory, swap, reservation = resources.memory, resources.memory_swap, resources.memory_reservation
    if memory and memory < _LEAST_MEMORY:
        raise InvalidArgument(f"minimum memory limit allowed is 6MB, not {memory} bytes")
    if swap > 0 and not memory:
        raise InvalidArgument("you should always set the memory limit when using the memoryswap limit")
    if 0 < swap < memory:
        raise InvalidArgument(f"minimum memoryswap limit should be larger than memory limit: {swap} is below {memory}")
    if resources.memory_swappiness is not None and not 0 <= resources.memory_swappiness <= 100:
        raise InvalidArgument(f"valid memory swappiness range is 0-100, not {resources.memory_swappiness}")
    if reservation and reservation < _LEAST_MEMORY:
        raise InvalidArgument(f"minimum memory reservation allowed is 6MB, not {reservation} bytes")
    if memory and reservation > memory:
        raise InvalidArgument(f"memory limit can not be less than memory reservation: {memory} is below {reservation}")


def _check_cpu(resources: Resources, machine: Machine) -> None:
    if resources.nano_cpus:
        for option, value in (("CPU period", resources.cpu_period), ("CPU quota", resources.cpu_quota)):
            if value:
                raise InvalidArgument(f"conflicting options: NanoCPUs and {option} cannot both be set")
        most = len(machine.cpus)
        if not 10_000_000 <= resources.nano_cpus <= most * 1_000_000_000:
            raise InvalidArgument(
                f"range of CPUs is from 0.01 to {most}.00, as there are only {most} CPUs available, "
                f"not {resources.nano_cpus / 1e9:g}"
            )
    if resources.cpu_shares and resources.cpu_shares < _LEAST_SHARES:
        raise InvalidArgument(f"the minimum allowed cpu-shares is {_LEAST_SHARES}, not {resources.cpu_shares}")
    if resources.cpu_shares > _MOST_SHARES:
        raise InvalidArgument(f"the maximum allowed cpu-shares is {_MOST_SHARES}, not {resources.cpu_shares}")
    if resources.cpu_period and not 1000 <= resources.cpu_period <= 1_000_000:
        raise InvalidArgument(
            f"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000): "
            f"{resources.cpu_period}"
        )
    if resources.cpu_quota not in (0, -1) and resources.cpu_quota < 1000:
        raise InvalidArgument(f"CPU cfs quota can not be less than 1ms (i.e. 1000): {resources.cpu_quota}")
    _check_list("CPUs", resources.cpuset_cpus, machine.cpus)
    _check_list("memory nodes", resources.cpuset_mems, machine.memory_nodes)


def _check_list(what: str, text: str, online: frozenset[int]) -> None:
    asked = parse_list(text, what)
    if not asked <= online:
        there = ",".join(map(str, sorted(online)))
        raise InvalidArgument(f"requested {what} are not available - requested {text}, available: {there}")


def parse_list(text: str, what: str) -> frozenset[int]:
    """A list as of cpuset(7): "0-2,5". Raises: InvalidArgument, which calls the members *what*."""
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise InvalidArgument(f"invalid list of {what} {text!r}: it is like 0-2,5")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def resources_object(
    host: HostConfig, rules: Sequence[Mapping[str, Any]], rates: Iterable[BlockRate]
) -> dict[str, Any]:
    """The `linux.resources` of the OCI spec; *rules* are those about devices. What is not limited is not in it."""
    limits = host.resources
    quota, period = limits.cpu_quota, limits.cpu_period
    if limits.nano_cpus:
        quota, period = limits.nano_cpus * _CPU_PERIOD_US // 1_000_000_000, _CPU_PERIOD_US
    memory = {
        **_set(limit=limits.memory, swap=limits.memory_swap, reservation=limits.memory_reservation),
        **({} if limits.memory_swappiness is None else {"swappiness": limits.memory_swappiness}),
        **_set(disableOOMKiller=limits.oom_kill_disable),
    }
    cpu = _set(shares=limits.cpu_shares, quota=quota, period=period, cpus=limits.cpuset_cpus, mems=limits.cpuset_mems)
    block: dict[str, Any] = _set(weight=limits.blkio_weight)
    for rate in rates:
        entry = {"major": rate.major, "minor": rate.minor, "rate": rate.rate}
        block.setdefault(_THROTTLES[rate.kind], []).append(entry)
    pids = {"limit": limits.pids_limit} if limits.pids_limit is not None else {}
    unified = {"memory.oom.group": "1"} if limits.oom_kill_group else {}
    return _set(devices=list(rules), memory=memory, cpu=cpu, pids=pids, blockIO=block, unified=unified)


def rates_of(resources: Resources) -> list[tuple[str, DeviceRate]]:
    """(kind, rate) for each device whose I/O is limited."""
    return [(kind, rate) for kind, field in _RATES.items() for rate in getattr(resources, field)]


def updated(before: Resources, changes: Mapping[str, Any]) -> Resources:
    """*before* with *changes*, by attribute. Raises: InvalidArgument where both do not go together."""
    if changes.get("nano_cpus"):
        for attribute, name in (("cpu_quota", "CPU quota"), ("cpu_period", "CPU period")):
            if getattr(before, attribute):
                raise InvalidArgument(f"conflicting options: NanoCPUs cannot be updated as {name} has already been set")
    for attribute, name in (("cpu_quota", "CPU quota"), ("cpu_period", "CPU period")):
        if changes.get(attribute) and before.nano_cpus:
            raise InvalidArgument(f"conflicting options: {name} cannot be updated as NanoCPUs has already been set")
    if (memory := changes.get("memory")) and "memory_swap" not in changes and 0 < before.memory_swap < memory:
        raise InvalidArgument(
            f"memory limit {memory} should be smaller than the already set memoryswap limit {before.memory_swap}: "
            "update the memoryswap at the same time"
        )
    if changes.get("oom_kill_disable") is False and before.oom_kill_disable:
        raise InvalidArgument("the OOM killer cannot be enabled again by an update")
    rates = {field: _merged(getattr(before, field), changes[field]) for field in _RATES.values() if field in changes}
    return attrs.evolve(before, **(dict(changes) | rates))


def _merged(before: Sequence[DeviceRate], changes: Sequence[DeviceRate]) -> tuple[DeviceRate, ...]:
    """Devices that are not named keep their rate; one of 0 is none."""
    by_path = {rate.path: rate for rate in (*before, *changes)}
    return tuple(rate for rate in by_path.values() if rate.rate)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Of two `resources_object`s: the sections to put in force, and a rate of 0 for each device that has none any more.
    What a section leaves out stays in force."""
    changed = {key: value for key, value in after.items() if value != before.get(key)}
    old, new = before.get("blockIO", {}), after.get("blockIO", {})
    lifted = {throttle: _lifted(old.get(throttle, ()), new.get(throttle, ())) for throttle in _THROTTLES.values()}
    if any(lifted.values()):
        block = {throttle: [*new.get(throttle, ()), *entries] for throttle, entries in lifted.items()}
        changed["blockIO"] = new | {throttle: entries for throttle, entries in block.items() if entries}
    return changed


def _lifted(before: Sequence[Mapping[str, int]], after: Sequence[Mapping[str, int]]) -> list[dict[str, int]]:
    kept = {(entry["major"], entry["minor"]) for entry in after}
    return [{**entry, "rate": 0} for entry in before if (entry["major"], entry["minor"]) not in kept]


def _set(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
