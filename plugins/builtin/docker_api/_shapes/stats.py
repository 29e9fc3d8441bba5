"""Statistics as the API shows them. Pure."""

from collections.abc import Sequence

import attrs

from ck.kernel.api.stats import Sample, Stats
from ck.kernel.linux.cgroup import Accounts, Transfer
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.times import ZERO, rfc3339_ns


def stats_json(stats: Stats) -> Json:
    """One object of `GET /containers/{id}/stats`."""
    now, before = stats.now, stats.before
    json: Json = {"name": f"/{now.name}", "id": now.container_id}
    if now.accounts is None:
        return {
            "read": ZERO,
            "preread": ZERO,
            "pids_stats": {},
            "blkio_stats": _blkio((), ()),
            "num_procs": 0,
            "storage_stats": {},
            "cpu_stats": _cpu(now),
            "precpu_stats": _cpu(now),
            "memory_stats": {},
            **json,
        }
    used = now.accounts
    json |= {
        "read": rfc3339_ns(now.at_ns),
        "preread": rfc3339_ns(before.at_ns),
        "pids_stats": {"current": used.pids, **({"limit": used.pids_limit} if used.pids_limit else {})},
        "blkio_stats": _blkio(used.io_bytes, used.io_operations),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before),
        "memory_stats": _memory(used, now.host_memory),
    }
    if now.networks:
        json["networks"] = {name: attrs.asdict(traffic) for name, traffic in now.networks.items()}
    if used.pressure:
        json["pressure_stats"] = dict(used.pressure)  # Docker has not
    return json


def _cpu(sample: Sample) -> Json:
    used = sample.accounts
    usage: Json = {
        "total_usage": used.cpu if used else 0,
        "usage_in_kernelmode": used.cpu_system if used else 0,
        "usage_in_usermode": used.cpu_user if used else 0,
    }
    if used and used.per_cpu:
        usage["percpu_usage"] = list(used.per_cpu)
    throttling = {
        "periods": used.periods if used else 0,
        "throttled_periods": used.throttled_periods if used else 0,
        "throttled_time": used.throttled if used else 0,
    }
    json: Json = {"cpu_usage": usage, "throttling_data": throttling}
    if sample.host_cpu:
        json |= {"system_cpu_usage": sample.host_cpu, "online_cpus": sample.cpus}
    return json


def _memory(used: Accounts, host_memory: int) -> Json:
    json: Json = {
        "usage": used.memory,
        "stats": dict(used.memory_details),
        "limit": min(used.memory_limit or host_memory, host_memory),
    }
    if used.memory_peak:
        json["max_usage"] = used.memory_peak
    if used.memory_failures:
        json["failcnt"] = used.memory_failures
    return json


def _blkio(moved: Sequence[Transfer], done: Sequence[Transfer]) -> Json:
    return {
        "io_service_bytes_recursive": [_transfer(each) for each in moved] or None,
        "io_serviced_recursive": [_transfer(each) for each in done] or None,
        "io_queue_recursive": None,
        "io_service_time_recursive": None,
        "io_wait_time_recursive": None,
        "io_merged_recursive": None,
        "io_time_recursive": None,
        "sectors_recursive": None,
    }


def _transfer(each: Transfer) -> Json:
    return {"major": each.major, "minor": each.minor, "op": each.operation, "value": each.value}
