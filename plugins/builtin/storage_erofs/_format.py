"""EROFS on the disk: its superblock, inodes and directories. Pure.

Source: Linux fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst. Of the format this is what needs no feature
that a kernel might lack: uncompressed, inodes of the long form, blocks of 512 bytes, as archives have them.
"""

import stat
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

BLOCK_BITS: Final = 9
BLOCK: Final = 1 << BLOCK_BITS
SUPERBLOCK_AT: Final = 1024
PLAIN: Final = 1  # i_format of a long inode: its content is blocks in a row, or there is none
INLINE: Final = 1 | 2 << 1  # content follows the inode
CHUNKS: Final = 1 | 4 << 1  # numbers of blocks follow the inode, one for each chunk
INODE_SIZE: Final = 64
SLOT: Final = 32  # inodes begin at a multiple of it, and go by its number
ROOT: Final = 2  # the root's, in slots: 0 would be shown as the inode number 0, which programs take for deleted
NO_BLOCK: Final = 0xFFFF_FFFF
MAX_BLOCKS: Final = 0xFFFF_FFFF

_MAGIC: Final = 0xE0F5E1E2
_CHECKSUM_AND_MTIME: Final = 0x1 | 0x2  # compatible features: the superblock is summed, times are those of content
_CHUNKED: Final = 0x4  # incompatible feature
_INODE: Final = struct.Struct("<HHHHQIIIIQII16x")
_SUPERBLOCK: Final = struct.Struct("<IIIBBHQQIIII16s16xI44x")
_ENTRY_SIZE: Final = 12
_TYPES: Final = {
    stat.S_IFREG: 1,
    stat.S_IFDIR: 2,
    stat.S_IFCHR: 3,
    stat.S_IFBLK: 4,
    stat.S_IFIFO: 5,
    stat.S_IFLNK: 7,
}

pack_inode: Final = _INODE.pack_into
"""Into a buffer, at a place: i_format, words of attributes, mode, 0, size, what the format says (the first block, the
device, the kind of chunks), inode number for old programs, uid, gid, seconds, nanoseconds, number of names."""


def superblock(*, uuid: bytes, inodes: int, blocks: int, metadata: int, chunked: bool) -> bytes:
    """*metadata* is the block where inodes begin; *uuid* 16 bytes."""
    fields = _SUPERBLOCK.pack(
        _MAGIC,
        0,
        _CHECKSUM_AND_MTIME,
        BLOCK_BITS,
        0,
        ROOT,
        inodes,
        0,
        0,
        blocks,
        metadata,
        0,
        uuid,
        _CHUNKED if chunked else 0,
    )
    # Summed up to the end of the block, with the field itself zero.
    total = crc32c(fields.ljust(BLOCK, b"\0"))
    return fields[:4] + total.to_bytes(4, "little") + fields[8:]


def device_number(major: int, minor: int) -> int:
    """A device as the kernel writes it (new_encode_dev in linux/kdev_t.h)."""
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def entry_type(mode: int) -> int:
    """What a directory says of an inode of this mode."""
    return _TYPES[stat.S_IFMT(mode)]


def directory_blocks(entries: Iterable[tuple[bytes, int, int]]) -> tuple[bytes, int]:
    """The blocks of a directory, padded, and its size; *entries* are name, inode (in slots) and type, sorted by name as
    bytes, "." and ".." among them: the kernel searches by halves."""
    blocks = bytearray()
    names: list[bytes] = []
    fields: list[int] = []
    used = 0
    for name, inode, kind in entries:
        need = _ENTRY_SIZE + len(name)
        if used + need > BLOCK:
            blocks += _directory_block(names, fields)
            blocks += bytes(-len(blocks) % BLOCK)
            names, fields, used = [], [], 0
        names.append(name)
        fields += (inode, kind)
        used += need
    blocks += _directory_block(names, fields)
    size = len(blocks)
    return bytes(blocks) + bytes(-size % BLOCK), size


def _directory_block(names: list[bytes], fields: list[int]) -> bytes:
    """All entries, then all names: an entry says where its name begins, and it ends where the next begins."""
    at = _ENTRY_SIZE * len(names)
    flat: list[int] = []
    for number, name in enumerate(names):
        flat += (fields[2 * number], at, fields[2 * number + 1])
        at += len(name)
    return _entries(len(names)).pack(*flat) + b"".join(names)


@lru_cache(maxsize=64)
def _entries(count: int) -> struct.Struct:
    return struct.Struct("<" + "QHBx" * count)


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC as EROFS has it: begun with ones, and not inverted at the end."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F6_3B78 if crc & 1 else 0)
    return crc
