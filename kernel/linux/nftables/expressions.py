"""The expressions that rules are made of. A rule is a list of them, evaluated until one does not match.

Registers: the kernel has sixteen of four bytes, numbered from NFT_REG32_00; a value takes as many in a row as it needs,
and so does a concatenated key.
"""

import socket
import struct
from typing import Final

from ck.kernel.linux.nftables.attributes import attribute, data, nested, number, text

REGISTER: Final = 8  # NFT_REG32_00
_NEGATED: Final = 1  # NFT_LOOKUP_F_INV


def meta(key: int, register: int = REGISTER) -> bytes:
    """Load what the kernel knows of a packet: see the META constants."""
    return _expression("meta", number(2, key), number(1, register))


META_IIFNAME: Final = 6
META_OIFNAME: Final = 7
META_NFPROTO: Final = 15
META_L4PROTO: Final = 16


def trace() -> bytes:
    """Have the kernel tell of every rule that the packet meets from here on (meta nftrace set 1)."""
    return immediate(b"\x01") + _expression("meta", number(2, 12), number(3, REGISTER))


def payload(base: int, offset: int, length: int, register: int = REGISTER) -> bytes:
    """Load bytes of the packet."""
    return _expression("payload", number(1, register), number(2, base), number(3, offset), number(4, length))


NETWORK_HEADER: Final = 1
TRANSPORT_HEADER: Final = 2


def write_transport(offset: int, length: int, checksum_offset: int, register: int = REGISTER) -> bytes:
    """Write bytes of the transport header and correct its checksum (NFT_PAYLOAD_CSUM_INET)."""
    return _expression(
        "payload",
        number(5, register),
        number(2, TRANSPORT_HEADER),
        number(3, offset),
        number(4, length),
        number(6, 1),
        number(7, checksum_offset),
    )


def equal(value: bytes, register: int = REGISTER) -> bytes:
    return _expression("cmp", number(1, register), number(2, 0), data(3, value))


def unequal(value: bytes, register: int = REGISTER) -> bytes:
    return _expression("cmp", number(1, register), number(2, 1), data(3, value))


def masked(mask: bytes, register: int = REGISTER) -> bytes:
    """And the register with *mask*."""
    return _expression(
        "bitwise",
        number(1, register),
        number(2, register),
        number(3, len(mask)),
        data(4, mask),
        data(5, bytes(len(mask))),
    )


def in_set(name: str, register: int = REGISTER, *, negated: bool = False) -> bytes:
    flags = (number(5, _NEGATED),) if negated else ()
    return _expression("lookup", text(1, name), number(2, register), *flags)


def from_map(name: str, register: int = REGISTER) -> bytes:
    """Replace the key in the registers by the map's value; a key that it lacks does not match."""
    return _expression("lookup", text(1, name), number(2, register), number(3, register))


def remember(name: str, seconds: float, register: int = REGISTER) -> bytes:
    """Add the key in the registers to a set, for a time; one that is there is kept for as long again."""
    timeout = attribute(6, struct.pack(">Q", round(seconds * 1000)))
    return _expression("dynset", text(1, name), number(3, 1), number(4, register), timeout)


def conntrack(key: int, register: int = REGISTER) -> bytes:
    """Load a fact of the packet's connection: CT_STATE or CT_STATUS, bits in the machine's byte order."""
    return _expression("ct", number(1, register), number(2, key))


CT_STATE: Final = 0
CT_STATUS: Final = 2


def destination_type(register: int = REGISTER) -> bytes:
    """Load the route type of the destination address (fib daddr type), in the machine's byte order."""
    return _expression("fib", number(1, register), number(2, 3), number(3, 2))


def load_tcp_mss(register: int = REGISTER) -> bytes:
    """Load the largest segment that the packet's route takes (rt mtu), as the TCP option has it."""
    return _expression("rt", number(1, register), number(2, 3)) + _to_network_order(2, register)


def write_tcp_mss(register: int = REGISTER) -> bytes:
    """Lower the segment size that a SYN announces (tcp option maxseg size set); the kernel never raises it."""
    return _expression("exthdr", number(7, register), attribute(2, b"\x02"), number(3, 2), number(4, 2), number(6, 1))


def _to_network_order(length: int, register: int) -> bytes:
    return _expression(
        "byteorder", number(1, register), number(2, register), number(3, 1), number(4, length), number(5, length)
    )


def immediate(value: bytes, register: int = REGISTER) -> bytes:
    return _expression("immediate", number(1, register), data(2, value))


ACCEPT: Final = 1
DROP: Final = 0
RETURN: Final = -5
JUMP: Final = -3


def verdict(code: int, chain: str = "") -> bytes:
    """End the rule: ACCEPT, DROP, RETURN, or JUMP to *chain*."""
    target = (text(2, chain),) if chain else ()
    return _expression("immediate", number(1, 0), nested(2, nested(2, number(1, code), *target)))


def destination_nat(family: int, address: int, port: int) -> bytes:
    """Send the connection to the address and port in these registers."""
    return _expression("nat", number(1, 1), number(2, family), number(3, address), number(5, port))


def masquerade() -> bytes:
    """Give the connection the source address of the interface that it leaves by."""
    return _expression("masq")


def interface_name(name: str) -> bytes:
    """As registers and sets hold it."""
    return name.encode().ljust(16, b"\0")


IPV4: Final = bytes([socket.AF_INET])
IPV6: Final = bytes([socket.AF_INET6])


def _expression(name: str, *attributes: bytes) -> bytes:
    """The inside of a list element: NFTA_EXPR_NAME and NFTA_EXPR_DATA."""
    return nested(1, text(1, name), nested(2, *attributes))
