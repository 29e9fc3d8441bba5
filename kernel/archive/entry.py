"""One entry of a tar archive, and the names entries bear."""

import enum
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ck.kernel.errors import CorruptData

XATTR_PREFIX: Final = b"SCHILY.xattr."
"""What star(1), GNU tar and every image builder call an extended attribute in a pax header."""

# Two slashes in a row, or a component "." or "..": a name that has to be taken apart.
_UNCLEAN: Final = re.compile(rb"(?:\A|/)\.{0,2}(?:/|\Z)")


class Kind(enum.Enum):
    """What an entry makes; the values are the type flags of tar(5)."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMLINK = b"2"
    CHARACTER_DEVICE = b"3"
    BLOCK_DEVICE = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"


# Mutable and slotted: there are thousands in an image, and a frozen class costs 2 µs a field to fill.
@dataclass(slots=True)
class Entry:
    """`name` and `link` are as written; `size` is that of the file, in bytes; `mode` has permission bits only.

    `stored` is how many bytes the archive holds for it: `size`, unless `segments` (offset, length) says which parts of
    a sparse file are there.
    """

    name: bytes
    kind: Kind = Kind.FILE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: bytes = b""
    major: int = 0
    minor: int = 0
    stored: int = 0
    segments: list[tuple[int, int]] | None = None
    xattrs: Mapping[bytes, bytes] | None = None


def shown(name: bytes) -> str:
    """*name* for a person: quoted, what cannot be printed escaped, and long names cut in the middle."""
    text = repr(os.fsdecode(name))
    return text if len(text) <= 200 else f"{text[:100]}...{text[-90:]}"


def clean(name: bytes) -> bytes:
    """*name* relative to the root, without ".", ".." and doubled slashes; b"" is the root itself.

    Raises: CorruptData for a name that climbs above the root or holds a NUL.
    """
    if name[:2] == b"./":
        name = name[2:]
    name = name.strip(b"/")
    if b"\0" in name:
        raise CorruptData(f"the archive holds a name with a NUL byte: {shown(name)}")
    # Nearly every name passes by the first tests, which cost a tenth of the search.
    if (b"/." not in name and b"//" not in name and name[:1] != b".") or not _UNCLEAN.search(name):
        return name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise CorruptData(f"the name {shown(name)} leads out of the archive's root")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)
