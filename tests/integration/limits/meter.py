"""Measure containers by the engine's own statistics."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

PATIENCE_SECONDS = 60
# A period is 100 ms, and a sample may lie anywhere within one: over some fifty periods that is 2 in 100.
CPU_SECONDS = 5


class Meter:
    """Asks the API."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def look(self, name: str) -> dict[str, Any]:
        """One sample."""
        stats: dict[str, Any] = self._client.stats(name, stream=False)
        return stats

    def until(self, name: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first sample of which *true* holds, of one a second."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        stream = self._client.stats(name, stream=True, decode=True)
        try:
            for sample in stream:
                if true(sample):
                    found: dict[str, Any] = sample
                    return found
                assert time.monotonic() < deadline, f"this never came: {sample}"
        finally:
            stream.close()
        raise AssertionError("the statistics ended")

    def cpu_used(self, name: str, quota: float) -> tuple[float, float]:
        """How much of one CPU it took over some seconds, and how much of *quota* in those periods in which it came
        against it: on a busy machine not in all."""
        # It has begun to work: from here on it takes what it may.
        first = self.until(name, lambda stats: cpu_of(stats) > 100_000_000)
        last = self.until(name, lambda stats: at_of(stats) - at_of(first) > CPU_SECONDS * 1e9)
        used = (cpu_of(last) - cpu_of(first)) / (at_of(last) - at_of(first))
        throttling = [stats["cpu_stats"]["throttling_data"] for stats in (first, last)]
        periods, throttled = (throttling[1][key] - throttling[0][key] for key in ("periods", "throttled_periods"))
        assert throttled > 0, throttling
        return used, used / (quota * throttled / periods)


def cpu_of(stats: dict[str, Any]) -> int:
    """Nanoseconds."""
    used: int = stats["cpu_stats"]["cpu_usage"]["total_usage"]
    return used


def at_of(stats: dict[str, Any]) -> int:
    """When a sample was taken, in UNIX nanoseconds."""
    whole, _, fraction = stats["read"].removesuffix("Z").partition(".")
    return int(time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))) * 10**9 + int(fraction.ljust(9, "0"))


def moved_of(stats: dict[str, Any], operation: str) -> int:
    """Bytes read from or written to all devices."""
    rows = stats["blkio_stats"]["io_service_bytes_recursive"] or []
    return sum(row["value"] for row in rows if row["op"] == operation)


def disk_of(path: os.PathLike[str]) -> str:
    """The block device below the file system of *path*."""
    number = os.stat(path).st_dev
    uevent = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/uevent").read_text()
    return f"/dev/{dict(line.split('=', 1) for line in uevent.split())['DEVNAME']}"
