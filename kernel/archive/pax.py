"""Pax extended headers: records that say what does not fit into a header block, and GNU's sparse maps in them. Pure.

Source: POSIX.1-2024 pax(1), "pax Extended Header"; the GNU tar manual, "Storing Sparse Files".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ck.kernel.archive.entry import XATTR_PREFIX, Entry, shown
from ck.kernel.errors import CorruptData

_RECORD: Final = re.compile(rb"([0-9]{1,10}) ([^=]+)=")
_TIME: Final = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]*))?")
Records = Mapping[bytes, bytes]


def parse_records(body: bytes) -> list[tuple[bytes, bytes]]:
    """The records `LENGTH KEY=VALUE NEWLINE` of *body*, in order. Raises: CorruptData."""
    records = []
    at = 0
    while at < len(body):
        match = _RECORD.match(body, at)
        end = at + int(match[1]) if match else 0
        if not match or end <= match.end() or body[end - 1 : end] != b"\n":
            if not body[at:].strip(b"\0"):
                break  # some writers pad with NULs inside the declared size
            raise CorruptData(f"the archive holds a malformed pax record: {shown(body[at : at + 60])}")
        records.append((match[2], body[match.end() : end - 1]))
        at = end
    return records


def build_records(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The body of an extended header that says *records*."""
    body = bytearray()
    for key, value in records:
        rest = len(key) + len(value) + 3  # blank, equals sign, newline
        length = rest + len(str(rest))
        length = rest + len(str(length))  # the number counts its own digits
        body += b"%d %b=%b\n" % (length, key, value)
    return bytes(body)


def parse_integer(value: bytes) -> int:
    """A decimal number that is not negative. Raises: CorruptData."""
    if not value.isdigit() or len(value) > 19:
        raise CorruptData(f"the archive holds a pax record with the malformed number {shown(value)}")
    return int(value)


def parse_time(value: bytes) -> int:
    """Nanoseconds since the epoch of seconds with a decimal fraction; what is finer is cut. Raises: CorruptData."""
    match = _TIME.fullmatch(value)
    if not match:
        raise CorruptData(f"the archive holds a pax record with the malformed time {shown(value)}")
    nanoseconds = int(match[2]) * 1_000_000_000 + int((match[3] or b"").ljust(9, b"0")[:9])
    return -nanoseconds if match[1] else nanoseconds


def build_time(nanoseconds: int) -> bytes:
    """The inverse of parse_time."""
    seconds, fraction = divmod(abs(nanoseconds), 1_000_000_000)
    sign = b"-" if nanoseconds < 0 else b""
    return b"%b%d.%09d" % (sign, seconds, fraction) if fraction else b"%b%d" % (sign, seconds)


def amend(entry: Entry, records: Records) -> None:
    """Let *records* overrule what the header block of *entry* says. Raises: CorruptData."""
    xattrs = {}
    for key, value in records.items():
        match key:
            case b"path":
                entry.name = value
            case b"linkpath":
                entry.link = value
            case b"size":
                entry.size = entry.stored = parse_integer(value)
            case b"uid":
                entry.uid = parse_integer(value)
            case b"gid":
                entry.gid = parse_integer(value)
            case b"mtime":
                entry.mtime_ns = parse_time(value)
            case _:
                if key.startswith(XATTR_PREFIX):
                    xattrs[key[len(XATTR_PREFIX) :]] = value
    if xattrs:
        entry.xattrs = xattrs


def sparse_version(records: Records) -> str | None:
    """Which of GNU's sparse formats *records* announce: "0" (the map is in the records), "1" (it precedes the data)."""
    if records.get(b"GNU.sparse.major") == b"1" and records.get(b"GNU.sparse.minor", b"0") == b"0":
        return "1"
    return "0" if b"GNU.sparse.map" in records or b"GNU.sparse.numblocks" in records else None


def sparse_map(records: Iterable[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    """The map of a version 0 file: version 0.1 has one record of numbers, 0.0 a pair of records for each segment."""
    numbers: list[int] = []
    for key, value in records:
        if key == b"GNU.sparse.map":
            numbers = [parse_integer(number) for number in value.split(b",")] if value else []
        elif key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            numbers.append(parse_integer(value))
    if len(numbers) % 2:
        raise CorruptData("the archive holds a sparse file whose map has an odd number of entries")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
