"""Sparse files: an archive has their segments without the holes, an image chunks of which some are holes. Pure.

Segments begin wherever the archive's writer liked, so they are copied to where chunks of the file begin. A chunk that
is only partly written is a hole in the image's file where it is one in the sparse file, which costs nothing.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.storage_erofs._format import BLOCK, BLOCK_BITS, NO_BLOCK
from ck.plugins.builtin.storage_erofs._node import Node

SMALLEST: Final = 12  # bits of a chunk's size: smaller than a page brings nothing
FEW_CHUNKS: Final = 64  # four bytes each, in memory too, whatever size an archive says that its files are of
MAX_SIZE: Final = 1 << 44  # as ext4: beyond it no file could be copied up


class Copy(NamedTuple):
    """*length* bytes within the image, from one place to another."""

    source: int
    target: int
    length: int


class Chunks:
    """The part of the image that holds chunks, as it grows. `end` is where it ends, `copies` what fills it."""

    def __init__(self, start: int, archive: int) -> None:
        """*start* and *archive* say where this part and the archive begin in the image."""
        self.end = start
        self.archive = archive
        self.copies: list[Copy] = []


def chunked(node: Node, chunks: Chunks) -> tuple[int, bytes]:
    """Find room for the segments of *node*; return what its inode says of chunks, and the blocks where they begin.

    Raises: CorruptData for an impossible size.
    """
    if node.size > MAX_SIZE:
        raise CorruptData(f"a sparse file of {node.size} bytes is larger than file systems hold")
    segments = node.segments or []
    bits = SMALLEST
    while node.size > max(FEW_CHUNKS, 2 * len(segments)) << bits:
        bits += 1
    blocks: dict[int, int] = {}
    source = chunks.archive + node.at
    for number, offset, length in _pieces(segments, bits):
        if number not in blocks:
            blocks[number] = chunks.end
            chunks.end += 1 << bits
        chunks.copies.append(Copy(source, blocks[number] + offset, length))
        source += length
    count = -(-node.size >> bits)
    table = bytearray(struct.pack("<I", NO_BLOCK) * count)
    for number, start in blocks.items():
        struct.pack_into("<I", table, 4 * number, min(start // BLOCK, NO_BLOCK))
    return bits - BLOCK_BITS, bytes(table)


def _pieces(segments: list[tuple[int, int]], bits: int) -> Iterator[tuple[int, int, int]]:
    """The segments cut at the bounds of chunks: number of the chunk, offset in it, length."""
    for start, length in segments:
        at, end = start, start + length
        while at < end:
            number, offset = at >> bits, at & (1 << bits) - 1
            taken = min(end - at, (1 << bits) - offset)
            yield number, offset, taken
            at += taken
