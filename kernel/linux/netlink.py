"""What all netlink sockets have in common: headers, flags and answers (netlink(7), include/uapi/linux/netlink.h)."""

import struct
from collections.abc import Iterator
from typing import Final

HEADER: Final = struct.Struct("=IHHII")
"""struct nlmsghdr: length, kind, flags, number, port."""
REQUEST, ACK, REPLACE, EXCL, DUMP, CREATE, APPEND = 0x1, 0x4, 0x100, 0x200, 0x300, 0x400, 0x800
ERROR: Final = 2  # NLMSG_ERROR; with code 0 it is an acknowledgement
DONE: Final = 3  # NLMSG_DONE: the end of a dump


def message(kind: int, flags: int, number: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, number, 0) + body


def split(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, number and body of each message of a datagram."""
    offset = 0
    while offset < len(received):
        length, kind, _, number, _ = HEADER.unpack_from(received, offset)
        yield kind, number, received[offset + HEADER.size : offset + length]
        offset += length + -length % 4


def error_code(body: bytes) -> int:
    """Of an error message: a number of errno, 0 for none."""
    return -int(struct.unpack_from("=i", body)[0])
