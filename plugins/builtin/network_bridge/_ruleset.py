"""The rules of all bridges: one static set of chains, and sets and maps for what changes. Pure.

What a packet costs does not grow with networks or ports, nor does a change: publishing a port is one element of a map.
"""

import ipaddress
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from ck.kernel.drivers.network import Endpoint, PublishedPort
from ck.kernel.linux.nftables.expressions import (
    ACCEPT,
    CT_STATE,
    CT_STATUS,
    DROP,
    IPV4,
    IPV6,
    JUMP,
    META_IIFNAME,
    META_L4PROTO,
    META_NFPROTO,
    META_OIFNAME,
    NETWORK_HEADER,
    REGISTER,
    RETURN,
    TRANSPORT_HEADER,
    conntrack,
    destination_nat,
    destination_type,
    equal,
    from_map,
    in_set,
    interface_name,
    load_tcp_mss,
    masked,
    masquerade,
    meta,
    payload,
    remember,
    unequal,
    verdict,
    write_tcp_mss,
)
from ck.kernel.linux.nftables.messages import (
    ADDRESS4,
    ADDRESS6,
    INTERFACE,
    PORT,
    PROTOCOL,
    Hook,
    Key,
    Message,
    Point,
    Table,
)

PROTOCOLS: Final[Mapping[str, int]] = {
    "tcp": socket.IPPROTO_TCP,
    "udp": socket.IPPROTO_UDP,
    "sctp": socket.IPPROTO_SCTP,
}
_ROUTE_LOCAL: Final = struct.pack("=I", 2)  # RTN_LOCAL
_NAT_DONE: Final = struct.pack("=I", 0x20)  # IPS_DST_NAT
_NEW: Final = struct.pack("=I", 0x08)
_KNOWN: Final = struct.pack("=I", 0x06)  # established, related
_NOTHING: Final = bytes(4)
_LOOPBACK6: Final = socket.inet_pton(socket.AF_INET6, "::1")
_MAPS: Final[Mapping[str, tuple[Key, Key]]] = {
    # Of one address of the host, or of any: protocol and port lead to a container's address and port.
    "pub4": (Key(ADDRESS4, PROTOCOL, PORT), Key(ADDRESS4, PORT)),
    "any4": (Key(PROTOCOL, PORT), Key(ADDRESS4, PORT)),
    "pub6": (Key(ADDRESS6, PROTOCOL, PORT), Key(ADDRESS6, PORT)),
    "any6": (Key(PROTOCOL, PORT), Key(ADDRESS6, PORT)),
}
_SETS: Final[Mapping[str, Key]] = {
    "bridges": Key(INTERFACE),
    "internal": Key(INTERFACE),  # those whose containers reach nothing outside
    "masquerade": Key(INTERFACE),
    "link": Key(INTERFACE, INTERFACE),  # from where to where containers reach one another
    "home4": Key(ADDRESS4, INTERFACE, ranges=True),  # the addresses of each bridge's containers
    "home6": Key(ADDRESS6, INTERFACE, ranges=True),
}


_GUESTS: Final[Mapping[str, Key]] = {
    "guests4": Key(ADDRESS4, PROTOCOL, PORT),
    "guests6": Key(ADDRESS6, PROTOCOL, PORT),
}
"""Clients that the host's own rules have let in, and to which port."""
_GUEST_SECONDS: Final = 60.0


@attrs.frozen(kw_only=True)
class BridgeRules:
    """What shall be so for one bridge, by its link's name."""

    name: str
    subnets: tuple[str, ...] = ()
    internal: bool = False
    icc: bool = True
    masquerade: bool = True


Pairs = dict[str, dict[bytes, bytes]]
"""Keys and values, by map."""


def whole(
    table: Table,
    flags: int,
    bridges: Iterable[BridgeRules],
    published: Iterable[Pairs],
    *,
    respect_host: bool = False,
) -> Iterator[Message]:
    """The whole table anew, in place of what there may be of it."""
    yield table.create(flags)  # so that there is one to delete
    yield table.delete()
    yield table.create(flags)
    for name, key in _SETS.items():
        yield table.add_set(name, key)
    for name, (key, value) in _MAPS.items():
        yield table.add_set(name, key, value)
    for chain, hook in _CHAINS.items():
        yield table.add_chain(chain, hook)
    for name, key in _GUESTS.items():
        yield table.add_set(name, key, forgets=True)
    for chain, expressions in _rules(respect_host=respect_host):
        yield table.add_rule(chain, *expressions)
    for bridge in bridges:
        yield from add_bridge(table, bridge)
    for pairs in published:
        for name, elements in pairs.items():
            yield from table.add_pairs(name, elements)


def add_bridge(table: Table, bridge: BridgeRules) -> Iterator[Message]:
    for name, keys in _elements(bridge).items():
        yield from table.add_elements(name, keys)
    for name, ranges in _homes(bridge).items():
        yield from table.add_ranges(name, ranges)


def remove_bridge(table: Table, bridge: BridgeRules) -> Iterator[Message]:
    for name, keys in _elements(bridge).items():
        yield from table.delete_elements(name, keys)
    for name, ranges in _homes(bridge).items():
        yield from table.delete_ranges(name, ranges)


def _elements(bridge: BridgeRules) -> Mapping[str, Sequence[bytes]]:
    name = interface_name(bridge.name)
    found = {"bridges": [name]}
    if bridge.internal:
        found["internal"] = [name]
    if bridge.masquerade and not bridge.internal:
        found["masquerade"] = [name]
    if bridge.icc:
        found["link"] = [name + name]
    return found


def _homes(bridge: BridgeRules) -> Mapping[str, Sequence[tuple[bytes, bytes]]]:
    name = interface_name(bridge.name)
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for text in bridge.subnets:
        prefix = ipaddress.ip_network(text)
        bounds = (prefix.network_address.packed + name, prefix.broadcast_address.packed + name)
        found.setdefault(f"home{prefix.version}", []).append(bounds)
    return found


def pairs_of(ports: Collection[PublishedPort], endpoint: Endpoint) -> Pairs:
    """The elements of the maps that publish *ports* of the container at *endpoint*.

    A port of an IPv6 address has none where the container has no such address, nor has one of ::1, which the kernel
    does not route to others: those are carried over (ck.plugins.builtin.network_bridge.proxy).
    """
    pairs: Pairs = {}
    targets = {version: _packed(address) for version, address in _addresses(endpoint) if address}
    # Ten thousand ports have few addresses: each is parsed once.
    places = {address: _place(address) for address in {port.host_ip for port in ports}}
    for port in ports:
        version, name, prefix = places[port.host_ip]
        if version not in targets or prefix == _LOOPBACK6:
            continue
        key = prefix + _field8(PROTOCOLS[port.protocol]) + _field16(port.host_port)
        pairs.setdefault(name, {})[key] = targets[version] + _field16(port.container_port)
    return pairs


def _addresses(endpoint: Endpoint) -> Iterator[tuple[int, str]]:
    yield 4, endpoint.ipv4_address
    yield 6, endpoint.ipv6_address


def _place(host_ip: str) -> tuple[int, str, bytes]:
    """Of an address of the host: its version, its map, and what its keys begin with."""
    host = ipaddress.ip_address(host_ip)
    if host.is_unspecified:
        return host.version, f"any{host.version}", b""
    return host.version, f"pub{host.version}", host.packed


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _field8(value: int) -> bytes:
    return struct.pack("B3x", value)


def _field16(value: int) -> bytes:
    return struct.pack(">H2x", value)


_CHAINS: Final[Mapping[str, Hook | None]] = {
    "raw": Hook("filter", Point.PREROUTING, -300),
    "publish": None,
    "prerouting": Hook("nat", Point.PREROUTING, -100),
    "output": Hook("nat", Point.OUTPUT, -100),
    "postrouting": Hook("nat", Point.POSTROUTING, 100),
    "forward": Hook("filter", Point.FORWARD, 0),
    "input": Hook("filter", Point.INPUT, 100),  # after the host's own
}


def _rules(*, respect_host: bool) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Chain and expressions of every rule, in order."""
    # Published on 127.0.0.1 is for this host alone: DNAT comes before the kernel drops martians.
    yield (
        "raw",
        [
            *_family(IPV4),
            *(meta(META_IIFNAME), unequal(interface_name("lo"))),
            *(payload(NETWORK_HEADER, 16, 1), equal(b"\x7f"), verdict(DROP)),
        ],
    )
    to_this_host = [destination_type(), equal(_ROUTE_LOCAL)]
    if respect_host:
        yield from _guest_rules()
    else:
        yield "prerouting", [*to_this_host, verdict(JUMP, "publish")]
    yield "output", [*to_this_host, verdict(JUMP, "publish")]
    yield from _publish_rules()
    yield from _postrouting_rules()
    yield from _forward_rules()


def _guest_rules() -> Iterator[tuple[str, Sequence[bytes]]]:
    """Ask the host's own rules: a client that nobody knows is led to the host itself. If the host lets it in, it is a
    guest, its packet is dropped, and when it asks again it is led to the container."""
    for family, registers, offset in ((IPV4, 1, 12), (IPV6, 4, 8)):
        version = 4 if family == IPV4 else 6
        address = 4 * registers
        protocol_and_port = [
            meta(META_L4PROTO, REGISTER + registers),
            payload(TRANSPORT_HEADER, 2, 2, REGISTER + registers + 1),
        ]
        client = [payload(NETWORK_HEADER, offset, address), *protocol_and_port]
        local = [*_family(family), destination_type(), equal(_ROUTE_LOCAL)]
        yield "prerouting", [*local, *client, in_set(f"guests{version}"), verdict(JUMP, "publish")]
        new = [*_family(family), conntrack(CT_STATE), masked(_NEW), unequal(_NOTHING)]
        for name, key in (
            (f"any{version}", [meta(META_L4PROTO), payload(TRANSPORT_HEADER, 2, 2, REGISTER + 1)]),
            (f"pub{version}", [payload(NETWORK_HEADER, offset + address, address), *protocol_and_port]),
        ):
            guest = [*client, remember(f"guests{version}", _GUEST_SECONDS), verdict(DROP)]
            yield "input", [*new, *key, from_map(name), *guest]


def _publish_rules() -> Iterator[tuple[str, Sequence[bytes]]]:
    protocol_and_port = [meta(META_L4PROTO, REGISTER), payload(TRANSPORT_HEADER, 2, 2, REGISTER + 1)]
    for family, address, offset in ((IPV4, 1, 16), (IPV6, 4, 24)):
        version = 4 if family == IPV4 else 6
        nat = destination_nat(family[0], REGISTER, REGISTER + address)
        if version == 6:
            yield (
                "publish",
                [
                    *_family(IPV6),
                    *(payload(NETWORK_HEADER, 24, 16), equal(_LOOPBACK6), verdict(RETURN)),
                ],
            )
        yield (
            "publish",
            [
                *_family(family),
                payload(NETWORK_HEADER, offset, 4 * address),
                meta(META_L4PROTO, REGISTER + address),
                payload(TRANSPORT_HEADER, 2, 2, REGISTER + address + 1),
                *(from_map(f"pub{version}"), nat),
            ],
        )
        yield "publish", [*_family(family), *protocol_and_port, from_map(f"any{version}"), nat]


def _postrouting_rules() -> Iterator[tuple[str, Sequence[bytes]]]:
    # A container that reaches one of its own network, or itself, by the host's address: the answer must come back this
    # way. Known by its address: a packet that br_netfilter hands back to the bridge has no incoming interface here.
    for family, registers, offset in ((IPV4, 1, 12), (IPV6, 4, 8)):
        source = payload(NETWORK_HEADER, offset, 4 * registers)
        home = [source, meta(META_OIFNAME, REGISTER + registers), in_set("home4" if family == IPV4 else "home6")]
        yield "postrouting", [*_family(family), *_was_published(), *home, masquerade()]
    yield (
        "postrouting",
        [
            *_family(IPV4),
            *(payload(NETWORK_HEADER, 12, 1), equal(b"\x7f")),
            *(meta(META_OIFNAME), in_set("bridges"), masquerade()),
        ],
    )
    yield (
        "postrouting",
        [
            *(meta(META_IIFNAME), in_set("masquerade")),
            *(meta(META_OIFNAME), in_set("bridges", negated=True), masquerade()),
        ],
    )


def _forward_rules() -> Iterator[tuple[str, Sequence[bytes]]]:
    for direction in (META_IIFNAME, META_OIFNAME):
        # Announce no larger segments than the route takes: the ICMP messages that would tell are often lost.
        yield (
            "forward",
            [
                *(meta(direction), in_set("bridges")),
                *(meta(META_L4PROTO), equal(bytes([socket.IPPROTO_TCP]))),
                *(payload(TRANSPORT_HEADER, 13, 1), masked(b"\x06"), equal(b"\x02")),  # SYN, and not RST
                *(load_tcp_mss(), write_tcp_mss()),
            ],
        )
    yield "forward", [conntrack(CT_STATE), masked(_KNOWN), unequal(_NOTHING), verdict(ACCEPT)]
    from_and_to = [meta(META_IIFNAME, REGISTER), meta(META_OIFNAME, REGISTER + 4)]
    yield "forward", [*from_and_to, in_set("link"), verdict(ACCEPT)]
    for direction in (META_IIFNAME, META_OIFNAME):
        yield "forward", [meta(direction), in_set("internal"), verdict(DROP)]
    to_bridge = [meta(META_OIFNAME), in_set("bridges")]
    yield "forward", [*to_bridge, *_was_published(), verdict(ACCEPT)]
    yield "forward", [*to_bridge, verdict(DROP)]


def _was_published() -> Sequence[bytes]:
    return [conntrack(CT_STATUS), masked(_NAT_DONE), unequal(_NOTHING)]


def _family(family: bytes) -> Sequence[bytes]:
    return [meta(META_NFPROTO), equal(family)]
