"""Texts of procfs as numbers. Pure."""

import os
from typing import Final

from ck.kernel.api.stats import Traffic

_NS_PER_TICK: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_STATES: Final = 8  # user nice system idle iowait irq softirq steal; guest time is in user already


def parse_host_cpu(stat: str) -> int:
    """The nanoseconds that all CPUs have been through, of the text of /proc/stat (proc_stat(5))."""
    first = stat.partition("\n")[0].split()
    return sum(map(int, first[1 : 1 + _STATES])) * _NS_PER_TICK


def parse_traffic(dev: str) -> dict[str, Traffic]:
    """By interface, of the text of /proc/PID/net/dev (proc_pid_net(5)); loopback is left out."""
    found = {}
    for line in dev.splitlines()[2:]:
        name, _, columns = line.partition(":")
        values = [int(column) for column in columns.split()]
        if (name := name.strip()) != "lo":
            found[name] = Traffic(
                rx_bytes=values[0],
                rx_packets=values[1],
                rx_errors=values[2],
                rx_dropped=values[3],
                tx_bytes=values[8],
                tx_packets=values[9],
                tx_errors=values[10],
                tx_dropped=values[11],
            )
    return found
