from typing import Any

import pytest

from ck.cli.commands.container._usage import cpu_percent, memory_used, usage_row

NOW = {"cpu_usage": {"total_usage": 3_000}, "system_cpu_usage": 20_000, "online_cpus": 2}
BEFORE = {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 10_000, "online_cpus": 2}
STATS: dict[str, Any] = {
    "id": "0123456789abcdef",
    "name": "/web",
    "cpu_stats": NOW,
    "precpu_stats": BEFORE,
    "memory_stats": {"usage": 3 << 20, "limit": 8 << 20, "stats": {"inactive_file": 1 << 20}},
    "networks": {"eth0": {"rx_bytes": 1500, "tx_bytes": 1}, "eth1": {"rx_bytes": 500, "tx_bytes": 2}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"op": "read", "value": 4096},
            {"op": "write", "value": 10},
            {"op": "total", "value": 4106},
        ]
    },
    "pids_stats": {"current": 3},
}


def test_a_row() -> None:
    assert usage_row(STATS, truncate=True) == {
        "Container": "0123456789ab",
        "ID": "0123456789ab",
        "Name": "web",
        "CPUPerc": "40.00%",
        "MemUsage": "2MiB / 8MiB",
        "MemPerc": "25.00%",
        "NetIO": "2kB / 3B",
        "BlockIO": "4.1kB / 10B",
        "PIDs": "3",
    }


def test_a_container_that_does_not_run() -> None:
    row = usage_row({"id": "ab", "name": "/x", "memory_stats": {}}, truncate=False)
    assert (row["CPUPerc"], row["MemUsage"], row["PIDs"]) == ("--", "-- / --", "--")


@pytest.mark.parametrize("now", [BEFORE, {**NOW, "system_cpu_usage": 10_000}, {"cpu_usage": {"total_usage": 5}}])
def test_no_time_passed_or_none_used(now: dict[str, Any]) -> None:
    assert cpu_percent({"cpu_stats": now, "precpu_stats": BEFORE}) == 0


def test_v1_counts_what_is_below_too() -> None:
    assert memory_used({"usage": 10, "stats": {"total_inactive_file": 3, "inactive_file": 1}}) == 7
    assert memory_used({"usage": 10, "stats": {"inactive_file": 30}}) == 10
