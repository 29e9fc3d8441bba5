"""DNS messages as bytes (RFC 1035, EDNS by RFC 6891): questions read, answers written. Pure."""

import ipaddress
import struct
from collections.abc import Sequence
from typing import Final

import attrs

A: Final = 1
PTR: Final = 12
AAAA: Final = 28
OPT: Final = 41
CLASS_IN: Final = 1
NO_ERROR: Final = 0
FORMAT_ERROR: Final = 1
SERVER_FAILURE: Final = 2
NO_SUCH_NAME: Final = 3
NOT_IMPLEMENTED: Final = 4
PLAIN_UDP_BYTES: Final = 512
"""What an answer by UDP may have where the question says nothing else."""
LARGEST_BYTES: Final = 65535
_EDNS_UDP_BYTES: Final = 1232  # what passes every link unfragmented
_HEADER: Final = struct.Struct(">6H")
_QUESTION: Final = struct.Struct(">2H")
_RECORD: Final = struct.Struct(">2HIH")
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION_WANTED, _RECURSION_OFFERED = 0x8000, 0x400, 0x200, 0x100, 0x80
_OPCODE: Final = 0x7800
_NAME_IN_QUESTION: Final = b"\xc0\x0c"  # a pointer to right behind the header
_ROOT: Final = b"\0"


@attrs.frozen(kw_only=True)
class Question:
    """The one question of a query. `name` is lower case, without a final dot; `end` is where the question ends."""

    id: int
    flags: int
    name: str
    kind: int
    kind_class: int
    end: int
    edns: bool = False
    udp_bytes: int = PLAIN_UDP_BYTES

    @property
    def is_query(self) -> bool:
        """Whether it is of the only kind of request that is answered here."""
        return not self.flags & _OPCODE


def read_question(message: bytes) -> Question | None:
    """None for what is no request with one question."""
    if len(message) < _HEADER.size:
        return None
    number, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if flags & _RESPONSE or questions != 1:
        return None
    found = _read_name(message, _HEADER.size)
    if found is None or found[1] + _QUESTION.size > len(message):
        return None
    name, offset = found
    kind, kind_class = _QUESTION.unpack_from(message, offset)
    end = offset + _QUESTION.size
    edns, size = False, PLAIN_UDP_BYTES
    only_additional = additional and not answers and not authorities
    if only_additional and message[end : end + 1] == _ROOT and end + 1 + _RECORD.size <= len(message):
        record_kind, asked, _, _ = _RECORD.unpack_from(message, end + 1)
        if record_kind == OPT:
            edns, size = True, max(PLAIN_UDP_BYTES, asked)
    return Question(
        id=number, flags=flags, name=name, kind=kind, kind_class=kind_class, end=end, edns=edns, udp_bytes=size
    )


def _read_name(message: bytes, offset: int) -> tuple[str, int] | None:
    labels: list[str] = []
    total = 0
    while offset < len(message):
        length = message[offset]
        offset += 1
        if length == 0:
            return ".".join(labels), offset
        total += length + 1
        # A question comes first, so there is nothing that a pointer in it could mean (RFC 1035, 4.1.4).
        if length > 63 or total > 254 or offset + length > len(message):
            return None
        label = message[offset : offset + length]
        # What is not ASCII is kept apart from what is: no container has such a name.
        labels.append(label.decode("ascii", errors="backslashreplace").lower())
        offset += length
    return None


def write_answer(
    query: bytes, question: Question, code: int, records: Sequence[bytes] = (), *, limit: int = LARGEST_BYTES
) -> bytes:
    """The answer to *query*: *records* are data of the kind asked for. What does not fit into *limit* bytes is left out
    and the answer says so.

    Its time to live is 0: the next question may have another answer.
    """
    option = _ROOT + _RECORD.pack(OPT, _EDNS_UDP_BYTES, 0, 0) if question.edns else b""
    asked = query[_HEADER.size : question.end]
    room = limit - _HEADER.size - len(asked) - len(option)
    written = b""
    count = 0
    for data in records:
        record = _NAME_IN_QUESTION + _RECORD.pack(question.kind, question.kind_class, 0, len(data)) + data
        if len(written) + len(record) > room:
            break
        written += record
        count += 1
    flags = _RESPONSE | _RECURSION_OFFERED | question.flags & (_OPCODE | _RECURSION_WANTED) | code
    if code in (NO_ERROR, NO_SUCH_NAME):
        flags |= _AUTHORITATIVE
    if count < len(records):
        flags |= _TRUNCATED
    return _HEADER.pack(question.id, flags, 1, count, 0, 1 if option else 0) + asked + written + option


def write_name(name: str) -> bytes:
    """As data of a record. Raises: ValueError for what no name can be."""
    written = b""
    for label in name.split("."):
        encoded = label.encode()
        if not 0 < len(encoded) <= 63:
            raise ValueError(f"{name!r} has a label that is not 1 to 63 bytes long")
        written += bytes([len(encoded)]) + encoded
    return written + _ROOT


def reverse_address(name: str) -> str | None:
    """The address that *name* asks for the name of ("2.0.18.172.in-addr.arpa"), None where it is no such name."""
    try:
        if name.endswith(".in-addr.arpa"):
            parts = name.removesuffix(".in-addr.arpa").split(".")
            return str(ipaddress.IPv4Address(".".join(reversed(parts))))
        if name.endswith(".ip6.arpa"):
            digits = name.removesuffix(".ip6.arpa").split(".")
            if len(digits) == 32 and all(len(digit) == 1 for digit in digits):
                return str(ipaddress.IPv6Address(int("".join(reversed(digits)), 16)))
    except ValueError:
        return None
    return None


def code_of(response: bytes) -> int:
    """The response code of a message that has a header."""
    return int(_HEADER.unpack_from(response)[1]) & 0xF


def is_truncated(response: bytes) -> bool:
    return bool(_HEADER.unpack_from(response)[1] & _TRUNCATED)


def answers(response: bytes, query: bytes, question: Question) -> bool:
    """Whether *response* is to *query*: the number, and the question letter by letter."""
    if len(response) < question.end or response[:2] != query[:2] or not response[2] & 0x80:
        return False
    return response[_HEADER.size : question.end].lower() == query[_HEADER.size : question.end].lower()


def shortest_life(response: bytes, question: Question) -> int:
    """Seconds for which all records of *response* hold; 0 where there are none, or where it cannot be read."""
    count = sum(_HEADER.unpack_from(response)[3:6])
    offset = question.end
    shortest: int | None = None
    for _ in range(count):
        skipped = _skip_name(response, offset)
        if skipped is None or skipped + _RECORD.size > len(response):
            return 0
        kind, _, life, length = _RECORD.unpack_from(response, skipped)
        offset = skipped + _RECORD.size + length
        if kind != OPT:
            shortest = life if shortest is None else min(shortest, life)
    return shortest or 0


def _skip_name(message: bytes, offset: int) -> int | None:
    while offset < len(message):
        length = message[offset]
        if length >= 0xC0:
            return offset + 2
        if length == 0:
            return offset + 1
        offset += 1 + length
    return None
