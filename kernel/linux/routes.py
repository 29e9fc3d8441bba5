"""The routes that this host has, in all tables (proc(5): /proc/net/route, /proc/net/ipv6_route)."""

import socket
import struct
from collections.abc import Iterator

_RTF_UP = 0x0001
_RTF_REJECT = 0x0200


def host_routes() -> list[tuple[str, str]]:
    """Prefix ("10.8.0.0/16") and device of every route but default routes, both families."""
    return [*parse_route4(_read("/proc/net/route")), *parse_route6(_read("/proc/net/ipv6_route"))]


def parse_route4(text: str) -> Iterator[tuple[str, str]]:
    """Of /proc/net/route: addresses are hexadecimal in the machine's byte order."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or not int(fields[3], 16) & _RTF_UP:
            continue
        address, mask = int(fields[1], 16), int(fields[7], 16)
        if mask:
            yield f"{socket.inet_ntoa(struct.pack('=I', address))}/{mask.bit_count()}", fields[0]


def parse_route6(text: str) -> Iterator[tuple[str, str]]:
    """Of /proc/net/ipv6_route; what every host has (loopback, link-local, multicast) is left out."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 10 or int(fields[8], 16) & _RTF_REJECT or fields[9] == "lo":
            continue
        packed, length = bytes.fromhex(fields[0]), int(fields[1], 16)
        if length and packed[0] != 0xFF and packed[:2] != b"\xfe\x80":
            yield f"{socket.inet_ntop(socket.AF_INET6, packed)}/{length}", fields[9]


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # a kernel without IPv6 has no such file
        return ""
