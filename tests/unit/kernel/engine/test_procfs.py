from pathlib import Path

from ck.kernel.api.stats import Traffic
from ck.kernel.engine.procfs import parse_host_cpu, parse_traffic

DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    5000      50    0    0    0     0          0         0     5000      50    0    0    0     0       0          0
  eth0:    1296      16    1    2    0     0          0         0      840      12    3    4    0     0       0          0
"""  # noqa: E501


def test_traffic_by_interface_without_loopback() -> None:
    assert parse_traffic(DEV) == {
        "eth0": Traffic(
            rx_bytes=1296,
            rx_packets=16,
            rx_errors=1,
            rx_dropped=2,
            tx_bytes=840,
            tx_packets=12,
            tx_errors=3,
            tx_dropped=4,
        )
    }


def test_this_machine_s() -> None:
    first = parse_host_cpu(Path("/proc/stat").read_text())
    assert parse_host_cpu(Path("/proc/stat").read_text()) >= first > 10**9
    parse_traffic(Path("/proc/self/net/dev").read_text())


def test_guest_time_is_not_counted_twice() -> None:
    tick = 10_000_000
    assert parse_host_cpu("cpu  1 2 3 4 5 6 7 8 100 200\ncpu0 1 1 1 1 1 1 1 1 1 1\n") == 36 * tick
