"""Messages about tables, chains, rules, sets and their elements (struct nfgenmsg, then attributes)."""

import enum
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from ck.kernel.linux.netlink import ACK, APPEND, CREATE, DUMP, EXCL, REQUEST, message
from ck.kernel.linux.nftables.attributes import attribute, data, elements, nested, number, text

INET: Final = 1  # NFPROTO_INET
IPV4: Final = socket.AF_INET
IPV6: Final = socket.AF_INET6
_SUBSYSTEM: Final = 10 << 8  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11
_HOST_ORDER: Final = struct.pack("=BBI", 0, 4, 1)  # for nft, which would list names backwards (NFTNL_UDATA_SET)
_CHUNK: Final = 500  # elements of one message: its list has 16 bits for its length


class Message:
    """One change, not yet numbered."""

    __slots__ = ("body", "flags", "kind")

    def __init__(self, operation: int, family: int, flags: int, *attributes: bytes) -> None:
        self.kind = _SUBSYSTEM | operation
        self.flags = REQUEST | flags
        self.body = struct.pack(">BBH", family, 0, 0) + b"".join(attributes)


def list_chains(family: int) -> Message:
    """All chains of all tables of a family."""
    return Message(4, family, DUMP)


class Table:
    """Makes the messages about one table."""

    def __init__(self, family: int, name: str) -> None:
        self.family, self.name = family, name

    def _message(self, operation: int, flags: int, *attributes: bytes) -> Message:
        return Message(operation, self.family, flags, text(1, self.name), *attributes)

    def create(self, flags: int = 0, *, exclusive: bool = False) -> Message:
        """*flags*: OWNER and PERSIST. *exclusive*: one that is there already is EEXIST."""
        excluding = EXCL if exclusive else 0
        return self._message(0, CREATE | excluding, *([number(2, flags)] if flags else ()))

    def get(self) -> Message:
        return self._message(1, 0)

    def delete(self) -> Message:
        return self._message(2, 0)

    def add_chain(self, name: str, hook: "Hook | None" = None) -> Message:
        """A chain; without *hook* one that others jump to."""
        if hook is None:
            return self._message(3, CREATE, text(3, name))
        base = nested(4, number(1, hook.number), number(2, hook.priority))
        return self._message(3, CREATE, text(3, name), base, text(7, hook.kind), number(5, 1))

    def add_rule(self, chain: str, *expressions: bytes) -> Message:
        return self._message(6, CREATE | APPEND, text(2, chain), nested(4, *expressions))

    def insert_rule(self, chain: str, *expressions: bytes, mark: bytes = b"") -> Message:
        """Before all others; *mark* is kept with it and shown to who lists rules."""
        userdata = (attribute(7, mark),) if mark else ()
        return self._message(6, CREATE, text(2, chain), nested(4, *expressions), *userdata)

    def list_rules(self, chain: str) -> Message:
        return self._message(7, DUMP, text(2, chain))

    def add_set(self, name: str, key: "Key", values: "Key | None" = None, *, forgets: bool = False) -> Message:
        """A set, or with *values* a map; one of ranges where *key* says so, one that rules fill with elements that time
        out where *forgets*."""
        attributes = [number(4, key.type), number(5, key.length)]
        flags = 0
        if values is not None:
            flags |= 0x8  # NFT_SET_MAP
            attributes += [number(6, values.type), number(7, values.length)]
        if key.ranges:
            flags |= 0x4 | 0x80  # NFT_SET_INTERVAL, NFT_SET_CONCAT
            attributes.append(nested(9, elements(2, (number(1, length) for length in key.lengths))))
        if forgets:
            flags |= 0x10 | 0x20  # NFT_SET_TIMEOUT, NFT_SET_EVAL
        # Its ID is for rules of the same transaction that have no name for it; the kernel wants one all the same.
        attributes += [number(10, 1), attribute(13, _HOST_ORDER)]
        return self._message(9, CREATE, text(2, name), number(3, flags), *attributes)

    def add_elements(self, name: str, keys: Iterable[bytes], *, exclusive: bool = False) -> Iterator[Message]:
        """*exclusive*: one that is there already fails the transaction with EEXIST."""
        return self._elements(12, CREATE | (EXCL if exclusive else 0), name, (data(1, key) for key in keys))

    def add_ranges(self, name: str, ranges: Iterable[tuple[bytes, bytes]]) -> Iterator[Message]:
        """Elements of a set of ranges: the first key and the last, which have the bounds of each field."""
        return self._elements(12, CREATE, name, (data(1, first) + data(10, last) for first, last in ranges))

    def delete_ranges(self, name: str, ranges: Iterable[tuple[bytes, bytes]]) -> Iterator[Message]:
        """As `delete_elements`."""
        return self._elements(14, 0, name, (data(1, first) + data(10, last) for first, last in ranges))

    def add_pairs(self, name: str, pairs: Mapping[bytes, bytes], *, exclusive: bool = False) -> Iterator[Message]:
        """Elements of a map."""
        items = (data(1, key) + data(2, value) for key, value in pairs.items())
        return self._elements(12, CREATE | (EXCL if exclusive else 0), name, items)

    def delete_elements(self, name: str, keys: Iterable[bytes]) -> Iterator[Message]:
        """One that is not there fails the transaction with ENOENT."""
        return self._elements(14, 0, name, (data(1, key) for key in keys))

    def _elements(self, operation: int, flags: int, name: str, items: Iterable[bytes]) -> Iterator[Message]:
        rest = iter(items)
        while chunk := list(islice(rest, _CHUNK)):
            yield self._message(operation, flags, text(2, name), elements(3, chunk))


OWNER: Final = 2  # NFT_TABLE_F_OWNER: only the socket that made it may change it (Linux 5.12)
PERSIST: Final = 4  # NFT_TABLE_F_PERSIST: it stays when that socket goes (Linux 6.9)


class Hook:
    """Where a chain is called from: type, hook and priority."""

    __slots__ = ("kind", "number", "priority")

    def __init__(self, kind: str, number: "Point", priority: int) -> None:
        self.kind, self.number, self.priority = kind, number, priority


class Point(enum.IntEnum):
    """The hooks of the IP families (NF_INET_*)."""

    PREROUTING = 0
    INPUT = 1
    FORWARD = 2
    OUTPUT = 3
    POSTROUTING = 4


class Key:
    """What a set's keys or a map's values are: fields one after another, each of whole registers.

    *ranges*: each element is a range in every field. The type is only for who lists the set: nft's own numbers, six
    bits a field.
    """

    __slots__ = ("lengths", "ranges", "type")

    def __init__(self, *fields: tuple[int, int], ranges: bool = False) -> None:
        self.lengths = [length for _, length in fields]
        self.ranges = ranges
        self.type = 0
        for kind, _ in fields:
            self.type = self.type << 6 | kind

    @property
    def length(self) -> int:
        """In bytes."""
        return sum(self.lengths)


ADDRESS4: Final = (7, 4)
ADDRESS6: Final = (8, 16)
PROTOCOL: Final = (12, 4)
PORT: Final = (13, 4)
INTERFACE: Final = (41, 16)


def batch(messages: Iterable[Message], sequence: int) -> tuple[bytes, int]:
    """All *messages* as one transaction, numbered from *sequence*; return it and the number of the last message, which
    the kernel acknowledges. The first number is that of the beginning: an error there is one of the commit."""
    bracket = struct.pack(">BBH", socket.AF_UNSPEC, 0, _SUBSYSTEM >> 8)
    parts = [message(_BATCH_BEGIN, REQUEST, sequence, bracket)]
    pending = list(messages)
    for each in pending:
        sequence += 1
        parts.append(message(each.kind, each.flags | (ACK if each is pending[-1] else 0), sequence, each.body))
    parts.append(message(_BATCH_END, REQUEST, sequence + 1, bracket))
    return b"".join(parts), sequence


def single(question: Message, sequence: int) -> bytes:
    """A question, outside of any transaction."""
    # A dump ends by a message of its own.
    flags = question.flags if question.flags & DUMP else question.flags | ACK
    return message(question.kind, flags, sequence, question.body)
