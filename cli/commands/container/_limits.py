"""The flags that limit a container, as `run`, `create` and `update` have them."""

from __future__ import annotations

from ck.cli.flags import text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.flags import Args

LIMIT_FLAGS = (
    text("blkio-weight", "Block IO (relative weight), between 10 and 1000, or 0 to disable", kind="int"),
    text("cpu-period", "Limit CPU CFS (Completely Fair Scheduler) period", kind="int"),
    text("cpu-quota", "Limit CPU CFS (Completely Fair Scheduler) quota", kind="int"),
    text("cpu-shares", "CPU shares (relative weight)", "c", kind="int"),
    text("cpus", "Number of CPUs", kind="decimal"),
    text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)"),
    text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)"),
    texts("device-read-bps", "Limit read rate (bytes per second) from a device (/dev/sda:1mb)"),
    texts("device-read-iops", "Limit read rate (IO per second) from a device (/dev/sda:100)"),
    texts("device-write-bps", "Limit write rate (bytes per second) to a device (/dev/sda:1mb)"),
    texts("device-write-iops", "Limit write rate (IO per second) to a device (/dev/sda:100)"),
    text("memory", "Memory limit", "m", kind="bytes"),
    text("memory-reservation", "Memory soft limit", kind="bytes"),
    text("memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", kind="bytes"),
    text("pids-limit", "Tune container pids limit (set -1 for unlimited)", kind="int"),
)

_NUMBERS = {
    "blkio-weight": "BlkioWeight",
    "cpu-period": "CpuPeriod",
    "cpu-quota": "CpuQuota",
    "cpu-shares": "CpuShares",
    "pids-limit": "PidsLimit",
}
_TEXTS = {"cpuset-cpus": "CpusetCpus", "cpuset-mems": "CpusetMems"}
_RATES = {
    "device-read-bps": "BlkioDeviceReadBps",
    "device-write-bps": "BlkioDeviceWriteBps",
    "device-read-iops": "BlkioDeviceReadIOps",
    "device-write-iops": "BlkioDeviceWriteIOps",
}
_BYTES = {"memory": "Memory", "memory-reservation": "MemoryReservation"}


def limits_of(args: Args) -> dict[str, Any]:
    """The fields of the API's Resources that flags ask for. Raises: UsageError."""
    limits: dict[str, Any] = {key: args.number(flag) for flag, key in _NUMBERS.items() if args.given(flag)}
    limits |= {key: args.text(flag) for flag, key in _TEXTS.items() if args.given(flag)}
    if any(args.given(flag) for flag in (*_BYTES, "memory-swap", "cpus")):
        from ck.cli.options.sizes import parse_bytes, parse_cpus, parse_swap

        for flag, key in _BYTES.items():
            if args.given(flag):
                limits[key] = args.convert(flag, args.text(flag), parse_bytes)
        if args.given("memory-swap"):
            limits["MemorySwap"] = args.convert("memory-swap", args.text("memory-swap"), parse_swap)
        if args.given("cpus"):
            limits["NanoCpus"] = args.convert("cpus", args.text("cpus"), parse_cpus)
    if any(args.given(flag) for flag in _RATES):
        from ck.cli.options.rates import parse_bps, parse_iops

        for flag, key in _RATES.items():
            if args.given(flag):
                limits[key] = args.parsed(flag, parse_bps if flag.endswith("bps") else parse_iops)
    return limits


def unchanging(args: Args) -> str:
    """The first flag whose value means "as it is" in an update, "" for none: the API has no other word for it."""
    for flag in (*_NUMBERS, *_BYTES, "memory-swap", "cpus"):
        if args.given(flag) and flag != "pids-limit" and not args.text(flag).strip("0."):
            return flag
    return next((flag for flag in _TEXTS if args.given(flag) and not args.text(flag).strip()), "")
