"""Facts about this machine that the kernel tells in /proc."""

import os
from pathlib import Path


def boot_id() -> str:
    """A UUID that differs after each boot (proc_sys_kernel(5), random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def bounding_capabilities() -> int:
    """The capability bounding set of this process, one bit a capability (proc_pid_status(5), CapBnd)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    raise OSError("no CapBnd in /proc/self/status")


def memory_bytes() -> int:
    """Physical memory (sysconf(3))."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def online(kind: str) -> frozenset[int]:
    """The numbers of the "cpu"s or memory "node"s that are online (sysfs-devices-system-cpu, -node)."""
    try:
        text = Path(f"/sys/devices/system/{kind}/online").read_text().strip()
    except FileNotFoundError:  # a kernel without NUMA has no nodes but the one
        text = "0"
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
