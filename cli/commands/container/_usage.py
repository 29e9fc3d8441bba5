"""What a container uses, in words: the rows of `ck stats`. Pure."""

from __future__ import annotations

from ck.cli.output.units import binary_size, human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOTHING = "--"


def usage_row(stats: dict[str, Any], *, truncate: bool) -> dict[str, str]:
    """Of one object of the API's statistics."""
    container_id = short_id(stats["id"]) if truncate else stats["id"]
    row = {"Container": container_id, "ID": container_id, "Name": stats["name"].removeprefix("/")}
    if not stats["memory_stats"]:
        empty = dict.fromkeys(("MemUsage", "NetIO", "BlockIO"), f"{NOTHING} / {NOTHING}")
        return row | empty | dict.fromkeys(("CPUPerc", "MemPerc", "PIDs"), NOTHING)
    used, limit = memory_used(stats["memory_stats"]), stats["memory_stats"]["limit"]
    networks = (stats.get("networks") or {}).values()
    received, sent = (sum(each[key] for each in networks) for key in ("rx_bytes", "tx_bytes"))
    read, written = (_moved(stats["blkio_stats"], operation) for operation in ("read", "write"))
    return row | {
        "CPUPerc": f"{cpu_percent(stats):.2f}%",
        "MemUsage": f"{binary_size(used)} / {binary_size(limit)}",
        "MemPerc": f"{used / limit * 100 if limit else 0:.2f}%",
        "NetIO": f"{human_size(received, 3)} / {human_size(sent, 3)}",
        "BlockIO": f"{human_size(read, 3)} / {human_size(written, 3)}",
        "PIDs": str(stats["pids_stats"].get("current", 0)),
    }


def cpu_percent(stats: dict[str, Any]) -> float:
    """Of one CPU, as Docker counts: two CPUs in full use are 200 %."""
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    return used / passed * now["online_cpus"] * 100 if passed > 0 and used > 0 else 0.0


def memory_used(memory: dict[str, Any]) -> int:
    """Without what the kernel keeps of files and would give back at once. v1 calls that `total_inactive_file`."""
    usage: int = memory["usage"]
    details = memory["stats"]
    inactive: int = details.get("total_inactive_file", details.get("inactive_file", 0))
    return usage - inactive if inactive < usage else usage


def _moved(blkio: dict[str, Any], operation: str) -> int:
    return sum(each["value"] for each in blkio["io_service_bytes_recursive"] or () if each["op"] == operation)
