"""In a container's namespace: what is sent to port 53 of 127.0.0.11 goes to the resolver, and is answered from there.

A container may have a server of its own on 0.0.0.0:53, so the resolver cannot have that port. Rewriting is stateless:
no connection of the container is tracked for it.
"""

import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from ck.kernel.drivers.resolver import RESOLVER_ADDRESS
from ck.kernel.linux.nftables.connection import Nftables
from ck.kernel.linux.nftables.expressions import (
    DROP,
    META_L4PROTO,
    NETWORK_HEADER,
    TRANSPORT_HEADER,
    equal,
    immediate,
    masked,
    meta,
    payload,
    verdict,
    write_transport,
)
from ck.kernel.linux.nftables.messages import IPV4, Hook, Message, Point, Table

_TABLE: Final = Table(IPV4, "ckdns")
_ADDRESS: Final = socket.inet_aton(RESOLVER_ADDRESS)
_DNS: Final = struct.pack(">H", 53)
_UDP_CHECKSUM, _TCP_CHECKSUM = 6, 16
_UNREACHABLE: Final = b"\x03"
_RESET: Final = b"\x04"


def redirect(udp_port: int, tcp_port: int) -> None:
    """In the namespace of the calling thread; in place of what an engine before has left. Raises: OSError."""
    rules = list(_rules(udp_port, tcp_port))
    with Nftables() as nftables:
        try:
            nftables.commit([_TABLE.create(exclusive=True), *rules])
        except FileExistsError:
            # Deleted only where there is one: who has deleted something waits for 15 ms when the socket is closed.
            nftables.commit([_TABLE.delete(), _TABLE.create(), *rules])


def _rules(udp_port: int, tcp_port: int) -> Iterator[Message]:
    yield _TABLE.add_chain("out", Hook("route", Point.OUTPUT, -150))
    yield _TABLE.add_chain("in", Hook("filter", Point.INPUT, -300))
    for protocol, port, checksum in (
        (socket.IPPROTO_UDP, udp_port, _UDP_CHECKSUM),
        (socket.IPPROTO_TCP, tcp_port, _TCP_CHECKSUM),
    ):
        ours = struct.pack(">H", port)
        yield _TABLE.add_rule("out", *_packet(16, protocol), *_rewrite(2, _DNS, ours, checksum))
        if protocol == socket.IPPROTO_TCP:
            # While there is no engine: the client shall wait for the next, not believe that nobody ever answers.
            reset = [payload(TRANSPORT_HEADER, 13, 1), masked(_RESET), equal(_RESET), verdict(DROP)]
            yield _TABLE.add_rule("in", *_packet(12, protocol), payload(TRANSPORT_HEADER, 0, 2), equal(ours), *reset)
        yield _TABLE.add_rule("in", *_packet(12, protocol), *_rewrite(0, ours, _DNS, checksum))
    refusal = [payload(TRANSPORT_HEADER, 0, 1), equal(_UNREACHABLE), verdict(DROP)]
    yield _TABLE.add_rule("in", *_packet(12, socket.IPPROTO_ICMP), *refusal)


def _packet(offset: int, protocol: int) -> Sequence[bytes]:
    """With the resolver's address at *offset* (12 the source, 16 the destination)."""
    return [
        *(payload(NETWORK_HEADER, offset, 4), equal(_ADDRESS)),
        *(meta(META_L4PROTO), equal(bytes([protocol]))),
    ]


def _rewrite(offset: int, old: bytes, new: bytes, checksum: int) -> Sequence[bytes]:
    """A port at *offset* (0 the source, 2 the destination)."""
    return [
        *(payload(TRANSPORT_HEADER, offset, 2), equal(old)),
        *(immediate(new), write_transport(offset, 2, checksum)),
    ]
