"""Extended attributes: which of an archive's a layer keeps, and how the image holds them. Pure.

Sources: xattr(7), Linux include/uapi/linux/limits.h; Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h.
"""

import struct
from collections.abc import Mapping
from typing import Final

from ck.kernel.archive.entry import Entry, Kind, shown
from ck.kernel.archive.merged import OPAQUE, OVERLAY_XATTRS
from ck.kernel.errors import CorruptData
from ck.plugins.builtin.storage_erofs._acl import ACCESS, DEFAULT, VERSION, valid_acl, with_mode

MAX_NAME: Final = 255  # XATTR_NAME_MAX, the prefix included
MAX_VALUE: Final = 65535  # a field of 16 bits in the image; the kernel takes one byte more
MAX_BODY: Final = 4 * 0xFF00  # a field of 16 bits counts it in words of 4 bytes, and overlayfs has a mark of its own

# By which the image names the beginning; other attributes have no place in it.
_PREFIXES: Final = ((b"user.", 1), (b"trusted.", 4), (b"security.", 6))
_WHOLE: Final = {ACCESS: 2, DEFAULT: 3}
_HEADER: Final = bytes(12)  # no filter, nothing shared with other inodes
_ENTRY: Final = struct.Struct("<BBH")
_CAPABILITY: Final = b"security.capability"
_CAPABILITY_SIZES: Final = {0x02: 20, 0x03: 24}  # by revision (linux/capability.h)
_WITH_USER: Final = (Kind.FILE, Kind.DIRECTORY)


def kept(entry: Entry) -> Mapping[bytes, bytes] | None:
    """The attributes of *entry* that its file gets: as when it is unpacked onto a disk, none that overlayfs would take
    for its own and none that the kernel has no place for. Raises: CorruptData for those it would not take."""
    if not entry.xattrs:
        return None
    found = {}
    for name, value in entry.xattrs.items():
        if name.startswith(OVERLAY_XATTRS) or (name.startswith(b"user.") and entry.kind not in _WITH_USER):
            continue
        if name in _WHOLE:
            if (whole := _access_list(entry, name, value)) is not None:
                found[name] = whole
        elif (split := _split(name)) is not None:
            if not split[1] or len(name) > MAX_NAME or len(value) > MAX_VALUE:
                raise CorruptData(f"{shown(entry.name)} has the impossible attribute {shown(name)}")
            if name == _CAPABILITY and _CAPABILITY_SIZES.get(value[3] if len(value) > 3 else 0) != len(value):
                raise CorruptData(f"{shown(entry.name)} has file capabilities that are malformed")
            found[name] = value
    if sum(len(name) + len(value) + 8 for name, value in found.items()) > MAX_BODY:
        raise CorruptData(f"{shown(entry.name)} has more attributes than an inode has room for")
    return found or None


def _access_list(entry: Entry, name: bytes, value: bytes) -> bytes | None:
    """The list that the file has in the end; None for none. Raises: CorruptData."""
    if len(value) >= 4 and (value[:4] != VERSION or len(value) == 4):
        return None  # of another version, for which the kernel has no place, or without entries
    if not valid_acl(value):
        raise CorruptData(f"{shown(entry.name)} has an access control list that is none")
    if entry.kind is Kind.SYMLINK:
        return None
    if name == ACCESS:
        return with_mode(value, entry.mode)
    if entry.kind is not Kind.DIRECTORY:
        raise CorruptData(f"{shown(entry.name)} has an access control list for new files and is no directory")
    return value


def encode(xattrs: Mapping[bytes, bytes] | None, *, opaque: bool = False) -> bytes:
    """What follows an inode in the image: a header and the attributes, or nothing. *opaque* adds overlayfs's mark of a
    directory that hides those below it."""
    entries = sorted((xattrs or {}).items())
    if opaque:
        entries.append((OPAQUE.encode(), b"y"))
    if not entries:
        return b""
    body = bytearray(_HEADER)
    for name, value in entries:
        index, rest = (_WHOLE[name], b"") if name in _WHOLE else _split(name) or (0, name)
        body += _ENTRY.pack(len(rest), index, len(value)) + rest + value
        body += bytes(-len(body) % 4)
    return bytes(body)


def _split(name: bytes) -> tuple[int, bytes] | None:
    """The number of the name's prefix, and the rest; None for one that the image cannot hold."""
    for prefix, index in _PREFIXES:
        if name.startswith(prefix):
            return index, name[len(prefix) :]
    return None
