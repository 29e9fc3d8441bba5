"""The 512-byte header block of tar archives: ustar, GNU and V7. Pure.

Source: POSIX.1-2024 pax(1), "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format".
"""

import struct
from functools import lru_cache
from typing import Final
from zlib import adler32

from ck.kernel.archive.entry import Entry, Kind, shown
from ck.kernel.errors import CorruptData

BLOCK: Final = 512
NULL_BLOCK: Final = bytes(BLOCK)
END: Final = bytes(2 * BLOCK)
MAX_ID: Final = 0xFFFF_FFFE  # chown(2) takes 0xFFFFFFFF for "leave it"
MAX_SIZE: Final = 2**63 - 1  # off_t

_FIELDS: Final = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
# The same bytes with those fields in one that mostly are the same from header to header, and without names of users.
_PARTS: Final = struct.Struct("100s24s12s12s8xc100s6s66x16s155s12x")
_FILE: Final = Kind.FILE
_DEVICES: Final = (Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE)
_KINDS: Final = {kind.value: kind for kind in Kind} | {b"\0": Kind.FILE, b"7": Kind.FILE}


def padding(size: int) -> int:
    """Bytes that fill the last block of *size* bytes."""
    return -size % BLOCK


# The same few modes, owners and times stand in thousands of headers.
@lru_cache(maxsize=1024)
def parse_number(field: bytes) -> int:
    """An octal number in ASCII, or GNU's binary form, marked by the first bit. Raises: CorruptData."""
    if field[0] & 0x80:
        value = int.from_bytes(field) & (1 << (8 * len(field) - 1)) - 1
        return value - (1 << (8 * len(field) - 1)) if field[0] & 0x40 else value
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    if not digits.isdigit():
        raise CorruptData(f"the archive holds a header with the malformed number {shown(field)}")
    try:
        return int(digits, 8)
    except ValueError:
        raise CorruptData(f"the archive holds a header with the malformed number {shown(field)}") from None


def checked(block: bytes) -> bytes:
    """Return *block* if its checksum is right, unsigned as POSIX has it or signed as old tars. Raises: CorruptData."""
    field = block[148:156]
    expected = parse_number(field)
    total = _sum(block[:256]) + _sum(block[256:]) - _sum(field) + 8 * 0x20
    if total != expected:
        high = sum(1 for byte in block[:148] + block[156:] if byte & 0x80)
        if total - 256 * high != expected:
            raise CorruptData("the stream is not a tar archive, or is damaged: a header's checksum is wrong")
    return block


def _sum(data: bytes) -> int:
    """The sum of at most 256 bytes: the lower half of Adler-32 is that and one, modulo 65521 (RFC 1950). Ten times as
    fast as sum()."""
    return (adler32(data) & 0xFFFF) - 1


def parse_header(block: bytes) -> tuple[bytes, Entry]:
    """The type flag and what the block says; the caller knows of what came before it (pax, GNU long names).

    For a flag that makes no file (pax, GNU's) the entry's kind is FILE and means nothing. Raises: CorruptData.
    """
    name, ids, size, mtime, flag, link, magic, device, prefix = _PARTS.unpack(checked(block))
    name = name.split(b"\0", 1)[0]
    # GNU tar, whose magic ends in a space, keeps times where POSIX has the prefix.
    if magic == b"ustar\0" and prefix[0]:
        name = prefix.split(b"\0", 1)[0] + b"/" + name
    kind = _KINDS.get(flag, _FILE)
    if kind is _FILE and flag in (b"0", b"\0") and name[-1:] == b"/":
        kind = Kind.DIRECTORY  # V7 had no other mark for it
    mode, uid, gid = _parse_ids(ids)
    length = parse_number(size)
    major, minor = _parse_device(device) if kind in _DEVICES else (0, 0)
    entry = Entry(
        name,
        kind,
        mode,
        uid,
        gid,
        length,
        parse_number(mtime) * 1_000_000_000,
        link.split(b"\0", 1)[0],
        major,
        minor,
        length,
    )
    return flag, entry


@lru_cache(maxsize=1024)
def _parse_ids(field: bytes) -> tuple[int, int, int]:
    """Permission bits, owner and group."""
    return parse_number(field[:8]) & 0o7777, parse_number(field[8:16]), parse_number(field[16:])


def _parse_device(field: bytes) -> tuple[int, int]:
    return parse_number(field[:8]), parse_number(field[8:])


def is_plain(flag: bytes) -> bool:
    """Whether *flag* is that of an entry which makes a file, and not of one that describes the next."""
    return flag in _KINDS


def build_header(flag: bytes, entry: Entry) -> bytes:
    """A ustar header of *entry*. What does not fit into it is cut; the caller writes a pax header for that."""
    fields = bytearray(
        _FIELDS.pack(
            entry.name[:100],
            _octal(entry.mode, 8),
            _octal(entry.uid, 8),
            _octal(entry.gid, 8),
            _octal(entry.stored, 12),
            _octal(entry.mtime_ns // 1_000_000_000, 12),
            b" " * 8,
            flag,
            entry.link[:100],
            b"ustar\x0000",
            b"",
            b"",
            _octal(entry.major, 8),
            _octal(entry.minor, 8),
            b"",
        )
    )
    fields[148:156] = b"%06o\0 " % sum(fields)
    return bytes(fields)


def fits(value: int, width: int) -> bool:
    """Whether *value* can be written in a field of *width* bytes."""
    return 0 <= value < 1 << 3 * (width - 1)


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value) if fits(value, width) else b"0" * (width - 1) + b"\0"
