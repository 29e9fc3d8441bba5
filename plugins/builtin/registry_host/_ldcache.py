"""/etc/ld.so.cache: read the host's, build an image's. Pure.

The format is glibc's `struct cache_file_new` (sysdeps/generic/dl-cache.h): a header, entries of offsets in descending
order of names (digits compare as numbers), the strings. Only the byte order of this machine is read.
"""

import functools
import itertools
import struct
import sys
from collections.abc import Iterable
from typing import Final

import attrs

from ck.kernel.errors import CorruptData

MAGIC: Final = b"glibc-ld.so.cache1.1"
HEADER: Final = struct.Struct("=20sIIB3xI12x")
ENTRY: Final = struct.Struct("=iIIIQ")
ENDIANNESS: Final = 2 if sys.byteorder == "little" else 3


@attrs.frozen
class CacheEntry:
    """The library *name* (its soname) is at *path*. `flags` tell the ABI as ldconfig numbers them."""

    name: str
    path: str
    flags: int


def parse(data: bytes) -> list[CacheEntry]:
    """The entries of *data*, in order; without those for special processors, whose plain twin is always there too.

    Raises: CorruptData.
    """
    # Caches of glibc before 2.32 begin with the old format; the new one follows.
    start = data.find(MAGIC)
    if start < 0:
        raise CorruptData("/etc/ld.so.cache has no cache of the format that glibc uses since 2.2")
    cache = memoryview(data)[start:]
    try:
        _, count, *_ = HEADER.unpack_from(cache)
        entries = [ENTRY.unpack_from(cache, HEADER.size + i * ENTRY.size) for i in range(count)]
        return [
            CacheEntry(_string(data, start + key), _string(data, start + value), flags)
            for flags, key, value, _, capabilities in entries
            if not capabilities
        ]
    except (struct.error, ValueError) as error:
        raise CorruptData(f"/etc/ld.so.cache is cut short: {error}") from error


def build(entries: Iterable[CacheEntry]) -> bytes:
    """A cache of *entries* as ldconfig would write it; the order given does not matter."""
    ordered = sorted(set(entries), key=lambda e: (_collation(e.name), e.flags, e.path), reverse=True)
    strings = bytearray()
    table = bytearray()
    base = HEADER.size + len(ordered) * ENTRY.size
    for entry in ordered:
        offsets = []
        for text in (entry.name, entry.path):
            offsets.append(base + len(strings))
            strings += text.encode(errors="surrogateescape") + b"\0"
        table += ENTRY.pack(entry.flags, *offsets, 0, 0)
    return HEADER.pack(MAGIC, len(ordered), len(strings), ENDIANNESS, 0) + bytes(table) + bytes(strings)


def _string(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode(errors="surrogateescape")


def compare(left: str, right: str) -> int:
    """Order of names as `_dl_cache_libcmp` of glibc: runs of digits as numbers, and after all other characters."""
    a, b = left.encode(errors="surrogateescape"), right.encode(errors="surrogateescape")
    i = j = 0
    while i < len(a):
        x, y = a[i : i + 1], b[j : j + 1]
        if x.isdigit() and y.isdigit():
            one = bytes(itertools.takewhile(b"0123456789".__contains__, a[i:]))
            two = bytes(itertools.takewhile(b"0123456789".__contains__, b[j:]))
            if int(one) != int(two):
                return int(one) - int(two)
            i, j = i + len(one), j + len(two)
        elif x.isdigit() or y.isdigit():
            return 1 if x.isdigit() else -1
        elif x != y:
            return a[i] - (y[0] if y else 0)
        else:
            i, j = i + 1, j + 1
    return -1 if j < len(b) else 0


_collation = functools.cmp_to_key(compare)
