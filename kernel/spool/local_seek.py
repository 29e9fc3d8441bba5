"""Finds where to begin to read a `local` log, by a few reads whatever its length."""

import sys
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from ck.kernel.spool.lines import Selection
from ck.kernel.spool.local_assemble import ended_lines
from ck.kernel.spool.local_frame import BLOCK, Frame, frames
from ck.kernel.spool.segments import Segment


class Start(NamedTuple):
    """Read from `block` of `segments[place]` on, and drop the first `skip` selected lines."""

    place: int
    block: int
    skip: int


def find_start(segments: Sequence[Segment], selection: Selection, *, count_unfinished: bool) -> Start:
    """Where the lines of *selection* begin. With *count_unfinished* a line that has no end yet counts for the tail.

    *segments* must not be empty. Raises: OSError.
    """
    oldest = (0, 0) if selection.since_ns is None else _last_block_before(segments, selection.since_ns)
    if selection.tail is None:
        return _where_lines_begin(segments, oldest, selection.streams)
    newest = (len(segments) - 1, max(segments[-1].blocks() - 1, 0))
    counted = _unfinished(segments, newest, selection) if count_unfinished else 0
    place = newest if selection.until_ns is None else _last_block_before(segments, selection.until_ns)
    while True:
        index, block = place
        last: Frame | None = None
        first: Frame | None = None
        for last in frames(segments[index].rest_of_block(block * BLOCK)):
            first = first or last
            if selection.in_time(last.time_ns):
                counted += ended_lines(last, selection.streams)
        before = _previous(segments, place)
        clean = first is not None and not first.before & selection.streams
        if before is None or (clean and (counted >= selection.tail or place <= oldest)):
            return Start(index, block, max(counted - selection.tail, 0))
        place = before


def _where_lines_begin(segments: Sequence[Segment], place: tuple[int, int], streams: int) -> Start:
    """Go back from *place* to a block at whose start none of *streams* is in the middle of a line."""
    while True:
        first = segments[place[0]].first_frame(place[1])
        before = _previous(segments, place)
        if before is None or (first is not None and not first.before & streams):
            return Start(*place, 0)
        place = before


def _previous(segments: Sequence[Segment], place: tuple[int, int]) -> tuple[int, int] | None:
    index, block = place
    if block > 0:
        return index, block - 1
    return (index - 1, max(segments[index - 1].blocks() - 1, 0)) if index > 0 else None


def _last_block_before(segments: Sequence[Segment], time_ns: int) -> tuple[int, int]:
    """The last block that begins before *time_ns*, or the first of all."""
    index = max(bisect_left(segments, time_ns, key=lambda segment: _block_time(segment, 0)) - 1, 0)
    segment = segments[index]
    block = bisect_left(range(segment.blocks()), time_ns, key=lambda block: _block_time(segment, block)) - 1
    return index, max(block, 0)


def _block_time(segment: Segment, block: int) -> int:
    first = segment.first_frame(block)
    # A damaged block counts as late: to begin too early costs time, too late would cost lines.
    return sys.maxsize if first is None else first.time_ns


def _unfinished(segments: Sequence[Segment], place: tuple[int, int] | None, selection: Selection) -> int:
    """How many selected lines have no end yet."""
    while place is not None:
        last: Frame | None = None
        for last in frames(segments[place[0]].rest_of_block(place[1] * BLOCK)):  # noqa: B007 the last one is wanted
            continue
        if last is not None:
            return (last.after & selection.streams).bit_count() if selection.in_time(last.time_ns) else 0
        place = _previous(segments, place)
    return 0
