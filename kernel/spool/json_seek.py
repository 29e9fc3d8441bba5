"""Finds where to begin to read a json-file log, by a few reads whatever its length."""

import sys
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from ck.kernel.spool.json_decode import Entry, decode
from ck.kernel.spool.json_files import JsonFile
from ck.kernel.spool.lines import Selection

BLOCK = 64 * 1024
"""Bytes. An entry belongs to the block in which it begins."""


class Start(NamedTuple):
    """Read `files[place]` from `offset` on, and drop the first `skip` selected lines."""

    place: int
    offset: int
    skip: int


def find_start(files: Sequence[JsonFile], selection: Selection) -> Start:
    """Where the lines of *selection* begin. *files* must not be empty. Raises: OSError."""
    oldest = (0, 0) if selection.since_ns is None else _last_block_before(files, selection.since_ns)
    place: tuple[int, int] | None = (len(files) - 1, _blocks(files[-1]) - 1)
    if selection.tail is None:
        place = oldest
    elif selection.until_ns is not None:
        place = _last_block_before(files, selection.until_ns)
    counted = 0
    following: Entry | None = None
    start = place
    while place is not None:
        entries = _entries(files[place[0]], place[1])
        # Only the block before tells whether this one begins with a line, so it is left one turn later.
        enough = place < oldest if selection.tail is None else counted >= selection.tail or place < oldest
        if enough and start != place and entries and not (following and _joins(entries[-1], following)):
            break
        for entry in reversed(entries):
            if not (following and _joins(entry, following)) and _selected(entry, selection):
                counted += 1
            following = entry
        start = place
        place = _previous(files, place)
    assert start is not None
    skip = 0 if selection.tail is None else max(counted - selection.tail, 0)
    return Start(start[0], entry_start(files[start[0]], start[1] * BLOCK), skip)


def entry_start(file: JsonFile, offset: int) -> int:
    """Where the first entry begins at or behind *offset*; the size of the file if there is none."""
    if offset == 0:
        return 0
    position = offset - 1
    while chunk := file.read(position, BLOCK):
        newline = chunk.find(b"\n")
        if newline >= 0:
            return position + newline + 1
        position += len(chunk)
    return position


def _joins(piece: Entry, following: Entry) -> bool:
    return piece.stream == following.stream and piece.goes_on()


def _selected(entry: Entry, selection: Selection) -> bool:
    return bool(entry.stream & selection.streams) and selection.in_time(entry.time_ns)


def _entries(file: JsonFile, block: int) -> list[Entry]:
    start, end = entry_start(file, block * BLOCK), entry_start(file, (block + 1) * BLOCK)
    return decode(file.read(start, end - start))


def _blocks(file: JsonFile) -> int:
    return max(-(-file.size() // BLOCK), 1)


def _previous(files: Sequence[JsonFile], place: tuple[int, int]) -> tuple[int, int] | None:
    index, block = place
    if block > 0:
        return index, block - 1
    return (index - 1, _blocks(files[index - 1]) - 1) if index > 0 else None


def _last_block_before(files: Sequence[JsonFile], time_ns: int) -> tuple[int, int]:
    """The last block that begins before *time_ns*, or the first of all."""
    index = max(bisect_left(files, time_ns, key=lambda file: _block_time(file, 0)) - 1, 0)
    file = files[index]
    block = bisect_left(range(_blocks(file)), time_ns, key=lambda block: _block_time(file, block)) - 1
    return index, max(block, 0)


def _block_time(file: JsonFile, block: int) -> int:
    start = entry_start(file, block * BLOCK)
    entries = decode(file.read(start, entry_start(file, start + 1) - start))
    # A damaged block counts as late: to begin too early costs time, too late would cost lines.
    return entries[0].time_ns if entries else sys.maxsize
