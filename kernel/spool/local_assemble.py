"""From frames of the `local` format back to lines. Pure."""

from io import BytesIO
from zlib import decompress

from ck.kernel.spool.lines import Lines
from ck.kernel.spool.local_frame import DATA, LOST, LOST_CONTENT, PACKED, STREAMS, Frame


def ended_lines(frame: Frame, streams: int) -> int:
    """How many lines of *streams* (a bit set) end in *frame*, by its header alone: what Assembler.feed gives for it."""
    if frame.kind in (DATA, PACKED):
        return frame.lines if frame.stream & streams else 0
    notice = 1 if frame.kind == LOST and streams & 2 else 0
    return (frame.before & streams).bit_count() + notice


class Assembler:
    """Puts lines together that came in several frames, each stream for itself."""

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes]] = {stream: [] for stream in STREAMS}
        self._open = 0  # streams that have parts, as a bit set

    def feed(self, buffer: bytes, frame: Frame) -> list[Lines]:
        """Take the next frame, whose content is in *buffer*; return the lines that end in it.

        A line is b"" where END ends one of which no byte is left, its segment being rotated away.
        """
        groups = []
        if self._open & ~frame.before:
            # Frames are missing (damage): what we have of the line is all there will be.
            groups = self._take(self._open & ~frame.before, frame.time_ns)
        if frame.kind in (DATA, PACKED):
            content = buffer[frame.start : frame.end]
            if frame.kind == PACKED:
                content = decompress(content)
            lines = self._data(content, frame.stream, bool(frame.after & frame.stream))
            if lines:
                groups.append(Lines(frame.time_ns, frame.stream, lines))
        else:
            groups += self._take(frame.before, frame.time_ns)
            if frame.kind == LOST:
                (lost,) = LOST_CONTENT.unpack_from(buffer, frame.start)
                groups.append(
                    Lines(frame.time_ns, 2, [b"[ck: %d bytes of output lost: the log was not writable]\n" % lost])
                )
        return groups

    def finish(self, time_ns: int) -> list[Lines]:
        """The lines that are in the middle, as they are."""
        return self._take(self._open, time_ns)

    def _data(self, content: bytes, stream: int, goes_on: bool) -> list[bytes]:
        parts = self._parts[stream]
        # readlines cuts at \\n alone, unlike splitlines.
        lines = BytesIO(content).readlines()
        if goes_on:
            if len(lines) == 1:
                parts.append(content)
                self._open |= stream
                return []
            unfinished = [lines.pop()]
        else:
            unfinished = []
        if parts:
            lines[0] = b"".join((*parts, lines[0]))
        self._parts[stream] = unfinished
        self._open = self._open | stream if unfinished else self._open & ~stream
        return lines

    def _take(self, streams: int, time_ns: int) -> list[Lines]:
        groups = []
        for stream in STREAMS:
            if streams & stream:
                groups.append(Lines(time_ns, stream, [b"".join(self._parts[stream])]))
                self._parts[stream] = []
        self._open &= ~streams
        return groups
