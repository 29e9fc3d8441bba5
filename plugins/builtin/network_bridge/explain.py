"""Which rule lets a packet to a published port in, or stops it: asked of the kernel, by a packet.

A namespace is made beside the host, as if it were another machine, and sends one packet; the kernel tells of each rule
that the packet meets (nftrace, include/uapi/linux/netfilter/nf_tables.h). Everything blocks: for a worker thread.
"""

import os
import secrets
import select
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from ck.kernel.linux.netns import inside, new_network_namespace
from ck.kernel.linux.nftables.attributes import parse
from ck.kernel.linux.nftables.connection import Nftables, notices, subscribe
from ck.kernel.linux.nftables.expressions import (
    IPV4,
    META_IIFNAME,
    META_L4PROTO,
    META_NFPROTO,
    TRANSPORT_HEADER,
    equal,
    interface_name,
    meta,
    payload,
    trace,
)
from ck.kernel.linux.nftables.messages import INET, OWNER, Hook, Point, Table
from ck.plugins.builtin.network_bridge._ruleset import PROTOCOLS
from ck.plugins.builtin.network_bridge.links import remove_link
from ck.plugins.builtin.network_bridge.routing import RouteSocket, add_address, add_pair, default_route, set_up

_GROUP_TRACE: Final = 9  # NFNLGRP_NFTRACE
_PATIENCE_SECONDS: Final = 5.0
"""For how long the packet is waited for: with TCP it is sent again after one second."""
_QUIET_SECONDS: Final = 0.3
"""After what silence there is nothing more to be told of it."""
_BEFORE_ALL: Final = -450
_FAMILIES: Final = {1: "inet", 2: "ip", 7: "bridge", 10: "ip6"}
_BY_POLICY, _BY_RULE = 1, 3
_DROP, _ACCEPT = 0, 1


class Verdict(NamedTuple):
    """What one chain did with the packet. `handle` is that of a rule (`nft -a list chain ...`), 0 for the policy."""

    family: str
    table: str
    chain: str
    handle: int
    code: int

    def text(self) -> str:
        what = {_DROP: "dropped", _ACCEPT: "accepted"}.get(self.code, "passed on")
        by = f"rule {self.handle}" if self.handle else "the policy"
        return f"{what} by {by} of chain {self.chain} in table {self.family} {self.table}"


def explain(address: str, port: int, protocol: str) -> Sequence[Verdict]:
    """The verdicts that a packet from another machine meets on its way to *port*, in order; *address* "" is one of the
    host that nothing else is said of. Raises: OSError."""
    with _visitor() as (link, netns, host), _traced(link, port, protocol) as told, inside(netns):
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC) as client:
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((address or host, port))
                if protocol == "udp":
                    client.send(b"\0")
            return list(_verdicts(told))


@contextmanager
def _visitor() -> Iterator[tuple[str, int, str]]:
    """A namespace with a link to the host: the link's name, an fd of the namespace, the host's address on the link."""
    link, third = f"ckt{secrets.token_hex(5)}", secrets.randbelow(254) + 1
    host, visitor = f"169.254.{third}.1", f"169.254.{third}.2"
    netns = new_network_namespace()
    try:
        with RouteSocket() as route:
            route.send([add_pair(link, "eth0", netns)])
            try:
                index = socket.if_nametoindex(link)
                route.send([add_address(index, host, 30), set_up(index)])
                with inside(netns), RouteSocket() as other:
                    index = socket.if_nametoindex("eth0")
                    other.send([add_address(index, visitor, 30), set_up(index), default_route(index, host)])
                yield link, netns, host
            finally:
                remove_link(link)
    finally:
        os.close(netns)


@contextmanager
def _traced(link: str, port: int, protocol: str) -> Iterator[socket.socket]:
    """Have the kernel tell of packets to *port* that come by *link*: a socket that gets what it tells."""
    table = Table(INET, f"ck-trace-{link}")
    with subscribe(_GROUP_TRACE) as told, Nftables() as nftables:
        chain = table.add_chain("trace", Hook("filter", Point.PREROUTING, _BEFORE_ALL))
        rule = table.add_rule(
            "trace",
            *(meta(META_IIFNAME), equal(interface_name(link))),
            *(meta(META_NFPROTO), equal(IPV4), meta(META_L4PROTO), equal(bytes([PROTOCOLS[protocol]]))),
            *(payload(TRANSPORT_HEADER, 2, 2), equal(struct.pack(">H", port)), trace()),
        )
        # Owned by this socket: whatever happens, the table goes with it.
        nftables.commit([table.create(OWNER), chain, rule])
        yield told


def _verdicts(told: socket.socket) -> Iterator[Verdict]:
    """Of the first packet: those that end a chain."""
    first: bytes | None = None
    while select.select([told], [], [], _QUIET_SECONDS if first else _PATIENCE_SECONDS)[0]:
        for family, body in notices(told):
            found = parse(body)
            first = found.get(6) if first is None else first
            kind = _number(found.get(4))
            if found.get(6) != first or kind not in (_BY_POLICY, _BY_RULE):
                continue
            code = _number(found.get(16)) if kind == _BY_POLICY else _number(parse(found.get(5, b"")).get(1))
            if code in (_DROP, _ACCEPT) and not _text(found[1]).startswith("ck-trace-"):
                handle = int.from_bytes(found.get(3, b""), "big")
                yield Verdict(_FAMILIES.get(family, "?"), _text(found[1]), _text(found[2]), handle, code)
                if code == _DROP:
                    return


def _number(value: bytes | None) -> int:
    return -1 if value is None else int(struct.unpack(">I", value)[0])


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
