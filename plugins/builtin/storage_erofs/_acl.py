"""Access control lists as extended attributes (acl(5)): told from what the kernel would refuse. Pure.

Source: Linux include/uapi/linux/posix_acl_xattr.h, fs/posix_acl.c, posix_acl_valid().
"""

import struct
from typing import Final

ACCESS: Final = b"system.posix_acl_access"
DEFAULT: Final = b"system.posix_acl_default"

VERSION: Final = b"\x02\0\0\0"
_ENTRY: Final = struct.Struct("<HHI")  # tag, permissions, ID
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = (1 << bit for bit in range(6))
_NAMED: Final = (_USER, _GROUP)
_NO_ID: Final = 0xFFFF_FFFF


def valid_acl(value: bytes) -> bool:
    """Whether *value* is a list in the order that the kernel asks for, with every entry that there must be."""
    if value[:4] != VERSION or len(value) % _ENTRY.size != 4:
        return False
    entries = list(_ENTRY.iter_unpack(value[4:]))
    tags = [tag for tag, _, _ in entries]
    if any(permissions > 7 or (tag in _NAMED and number == _NO_ID) for tag, permissions, number in entries):
        return False
    needed = {_USER_OBJ, _GROUP_OBJ, _OTHER} | ({_MASK} if _USER in tags or _GROUP in tags else set())
    once = [tag for tag in tags if tag not in _NAMED]
    return tags == sorted(tags) and len(once) == len(set(once)) and needed <= set(once) <= needed | {_MASK}


def with_mode(value: bytes, mode: int) -> bytes | None:
    """The valid access list *value* of a file that gets the permissions *mode*, as chmod(2) leaves it; None for one
    that says no more than the mode does, which no file system keeps."""
    entries = list(_ENTRY.iter_unpack(value[4:]))
    if len(entries) == 3:
        return None
    group = _MASK if any(tag == _MASK for tag, _, _ in entries) else _GROUP_OBJ
    bits = {_USER_OBJ: mode >> 6 & 7, group: mode >> 3 & 7, _OTHER: mode & 7}
    return VERSION + b"".join(_ENTRY.pack(tag, bits.get(tag, had), number) for tag, had, number in entries)
