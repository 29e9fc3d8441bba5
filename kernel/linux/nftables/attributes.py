"""Netlink attributes: type, length, value (include/uapi/linux/netlink.h). Numbers of nftables are big-endian."""

import struct
from collections.abc import Iterable
from typing import Final

_HEADER: Final = struct.Struct("=HH")
_NESTED: Final = 0x8000
LIST_ELEMENT: Final = 1  # NFTA_LIST_ELEM


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _HEADER.pack(_HEADER.size + len(value), kind) + value + bytes(-len(value) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | _NESTED, b"".join(attributes))


def number(kind: int, value: int) -> bytes:
    """32 bits; a negative one as two's complement."""
    return attribute(kind, struct.pack(">I", value & 0xFFFFFFFF))


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def parse(attributes: bytes) -> dict[int, bytes]:
    """Values by type, of attributes of which each type is there once."""
    found = {}
    offset = 0
    while offset + _HEADER.size <= len(attributes):
        length, kind = _HEADER.unpack_from(attributes, offset)
        found[kind & ~_NESTED] = attributes[offset + _HEADER.size : offset + length]
        offset += max(length, _HEADER.size) + -length % 4
    return found


def elements(kind: int, items: Iterable[bytes]) -> bytes:
    """A list: each item is the inside of one element."""
    return nested(kind, *(nested(LIST_ELEMENT, item) for item in items))


def data(kind: int, value: bytes) -> bytes:
    """A value for a register (NFTA_DATA_VALUE)."""
    return nested(kind, attribute(1, value))
