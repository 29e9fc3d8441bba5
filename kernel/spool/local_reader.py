"""Reads a `local` log, also while it is written and rotated."""

from collections import deque

from ck.kernel.spool.lines import Lines, Selection, Sieve
from ck.kernel.spool.local_assemble import Assembler
from ck.kernel.spool.local_frame import BLOCK, frames
from ck.kernel.spool.local_seek import find_start
from ck.kernel.spool.reader import Reader
from ck.kernel.spool.segments import Segment, open_segments

BATCH = 512 * 1024
"""Bytes of the log after which `read` returns the lines that it has."""


class LocalReader(Reader):
    """See Reader."""

    def __init__(self, directory: str, selection: Selection, *, follow: bool) -> None:
        self._directory, self._follow = directory, follow
        self._sieve = Sieve(selection)
        self._assembler = Assembler()
        self._segments = deque(open_segments(directory, frozen=not follow))
        self._offset = 0
        self._lines, self._time_ns = 0, 0  # the count of ended lines, and the time, after the last frame read
        self._exhausted = False  # nothing more will be written before the end of this block
        if self._segments:
            start = find_start(self._segments, selection, count_unfinished=not follow)
            for _ in range(start.place):
                self._segments.popleft().close()
            self._offset, self._sieve.skip = start.block * BLOCK, start.skip

    @property
    def past_until(self) -> bool:
        """See Reader."""
        return self._sieve.past_until

    def read(self) -> list[Lines]:
        """See Reader."""
        groups: list[Lines] = []
        size = 0
        while (size < BATCH or not groups) and not self.past_until and self._has_segment():
            consumed = self._decode(self._segments[0].rest_of_block(self._offset), groups)
            self._offset += consumed
            size += consumed
            if consumed:
                self._exhausted = False
            elif not self._move_on():
                break
        return groups

    def finish(self) -> list[Lines]:
        """See Reader."""
        return self._sieve.select(self._assembler.finish(self._time_ns))

    def close(self) -> None:
        """See Reader."""
        while self._segments:
            self._segments.popleft().close()

    def _decode(self, buffer: bytes, groups: list[Lines]) -> int:
        """Add the lines of the whole frames in *buffer* to *groups*; return where the frames end."""
        consumed = 0
        for frame in frames(buffer):
            missed = frame.first_line - self._lines
            if missed > 0 and self._lines and self._offset + consumed == 0:
                notice = b"[ck: %d lines were rotated away before they were read]\n" % missed
                groups += self._sieve.select([Lines(frame.time_ns, 2, [notice])])
            self._lines, self._time_ns = frame.first_line + frame.lines, frame.time_ns
            consumed = frame.end
            ended = self._assembler.feed(buffer, frame)
            if ended:
                groups += self._sieve.select(ended)
        return consumed

    def _has_segment(self) -> bool:
        if not self._segments and self._follow:
            self._segments.extend(open_segments(self._directory, frozen=False))
        return bool(self._segments)

    def _move_on(self) -> bool:
        """Nothing whole is at this place. Go where there is more; False if this is the end for now."""
        segment = self._segments[0]
        end_of_block = self._offset - self._offset % BLOCK + BLOCK
        in_segment = segment.size() > end_of_block
        if not in_segment and not self._has_next(segment):
            return False
        if self._follow and not self._exhausted:
            # The frame here may have been finished between our look at it and at what follows: look once more.
            self._exhausted = True
            return True
        self._exhausted = False
        if in_segment:
            self._offset = end_of_block
        else:
            self._segments.popleft().close()
            self._offset = 0
        return True

    def _has_next(self, segment: Segment) -> bool:
        if len(self._segments) == 1 and self._follow:
            self._segments.extend(open_segments(self._directory, after=segment.number, frozen=False))
        return len(self._segments) > 1
