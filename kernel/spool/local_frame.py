"""The `local` format: frames in blocks in segments. Pure.

A log is a row of segments, files named by a number that only grows, so a reader is never confused by a rename. A
segment is a row of blocks of BLOCK bytes, and each block begins with a frame; no frame crosses into the next block.
That is the index: any block can be read without what stands before it, so a time is found by bisection over blocks, the
last lines by reading blocks backwards, and behind damage reading goes on with the next block. (Searching for a magic
number instead could be fooled by a container that prints one.) What is left of a block where no frame fits is a hole.

A frame is one chunk of one stream as it came out of a pipe, not a line: a busy container's cost is a frame per 64 KiB.
Each header says which streams are in the middle of a line before and after the frame, so that lines are put together
again and counted without looking at the content.

    offset size
         0    2  magic
         2    1  kind: DATA, END, LOST, PACKED
         3    1  stream of the content (0 where there is none)
         4    1  streams in mid-line before this frame, as a bit set (stdout 1, stderr 2)
         5    1  streams in mid-line after it
         6    4  length of the content
        10    4  lines that end here
        14    8  time, nanoseconds since 1970
        22    8  lines that ended in this log before this frame, in segments long gone too
        30    4  CRC-32 of all of the above and the content
        34       content

All numbers are little-endian. A DATA frame that leaves its stream out of mid-line, but does not end with a newline,
cuts a line longer than LINE_MAX. END ends the lines that are in the middle: the run is over. LOST does too, and its
content is the number of bytes (8 bytes) that could not be written. PACKED is DATA compressed by zlib (RFC 1950).
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from zlib import crc32

BLOCK = 128 * 1024
LINE_MAX = 1024 * 1024

MAGIC = 0x4C43
DATA, END, LOST, PACKED = range(4)
STREAMS = (1, 2)
"""stdout and stderr; each number is also the stream's bit in a bit set."""

_HEADER = Struct("<HBBBBIIqQ")
_CRC = Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size
LOST_CONTENT = Struct("<Q")


class Frame(NamedTuple):
    """A frame's header, and where in the buffer its content starts and ends."""

    kind: int
    stream: int
    before: int
    after: int
    lines: int
    time_ns: int
    first_line: int
    start: int
    end: int


def pack(
    kind: int, stream: int, before: int, after: int, lines: int, time_ns: int, first_line: int, content: bytes
) -> bytes:
    """The header of a frame with *content*."""
    header = _HEADER.pack(MAGIC, kind, stream, before, after, len(content), lines, time_ns, first_line)
    return header + _CRC.pack(crc32(content, crc32(header)))


def frames(buffer: bytes, position: int = 0) -> Iterator[Frame]:
    """The whole and undamaged frames in *buffer*, a block or the rest of one, from *position* on, up to the first that
    is not."""
    view = memoryview(buffer)
    size = len(buffer)
    while position + OVERHEAD <= size:
        magic, kind, stream, before, after, length, lines, time_ns, first_line = _HEADER.unpack_from(view, position)
        start = position + OVERHEAD
        end = start + length
        if magic != MAGIC or end > size:
            return
        header_end = start - _CRC.size
        if crc32(view[start:end], crc32(view[position:header_end])) != _CRC.unpack_from(view, header_end)[0]:
            return
        yield Frame(kind, stream, before, after, lines, time_ns, first_line, start, end)
        position = end
