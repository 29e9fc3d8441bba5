from ck.kernel.linux.routes import host_routes, parse_route4, parse_route6

ROUTE4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t0000080A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0000090A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
_NONE = "0" * 32


def route6(prefix: str, length: int, flags: int, device: str) -> str:
    """A line of /proc/net/ipv6_route."""
    return f"{prefix:0<32} {length:02x} {_NONE} 00 {_NONE} 00000100 00000001 00000000 {flags:08x} {device:>8}\n"


ROUTE6 = (
    route6("fd", 64, 1, "tun0")
    + route6("fe80", 64, 1, "eth0")
    + route6("", 0, 0x200200, "lo")
    + route6("ff", 8, 1, "eth0")
)


def test_routes_but_default_ones_and_those_that_are_down() -> None:
    assert list(parse_route4(ROUTE4)) == [("10.8.0.0/16", "tun0")]


def test_routes_of_ipv6_but_those_that_every_host_has() -> None:
    assert list(parse_route6(ROUTE6)) == [("fd00::/64", "tun0")]


def test_those_of_this_host_can_be_read() -> None:
    assert all("/" in prefix and device for prefix, device in host_routes())
