"""Access control lists as extended attributes (acl(5)): told from what the kernel would refuse. Pure.

Source: Linux include/uapi/linux/posix_acl_xattr.h, fs/posix_acl.c, posix_acl_valid().
"""

import struct
from typing import Final

ACCESS: Final = b"system.posix_acl_access"
DEFAULT: Final = b"system.posix_acl_default"

_VERSION: Final = b"\x02\0\0\0"
_ENTRY: Final = struct.Struct("<HHI")  # tag, permissions, ID
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = (1 << bit for bit in range(6))
_NAMED: Final = (_USER, _GROUP)
_NO_ID: Final = 0xFFFF_FFFF


def valid_acl(value: bytes) -> bool:
    """Whether *value* is a list in the order that the kernel asks for, with every entry that there must be."""
    if value[:4] != _VERSION or len(value) % _ENTRY.size != 4:
        return False
    entries = list(_ENTRY.iter_unpack(value[4:]))
    tags = [tag for tag, _, _ in entries]
    if any(permissions > 7 or (tag in _NAMED and number == _NO_ID) for tag, permissions, number in entries):
        return False
    needed = {_USER_OBJ, _GROUP_OBJ, _OTHER} | ({_MASK} if _USER in tags or _GROUP in tags else set())
    once = [tag for tag in tags if tag not in _NAMED]
    return (
        tags == sorted(tags) and set(once) >= needed and set(once) <= needed | {_MASK} and len(once) == len(set(once))
    )
