"""Writes a `local` log (format: local_frame)."""

import os
from zlib import compress

from ck.kernel.spool.local_frame import (
    BLOCK,
    DATA,
    END,
    LINE_MAX,
    LOST,
    LOST_CONTENT,
    OVERHEAD,
    PACKED,
    Frame,
    frames,
    pack,
)
from ck.kernel.spool.segments import segment_numbers, segment_path
from ck.kernel.spool.writer import Writer

MIN_SEGMENT = 1024
"""Bytes; a smaller `max_size` is taken as this, because a segment has to hold at least one frame."""

MIN_PIECE = 256
"""Bytes; no chunk is cut for less room than this at the end of a block."""

MIN_PACKED = 4096
"""Bytes; to compress less is not worth the time that zlib takes to begin."""

MAX_WASTE = 4096
"""Bytes of a block that may stay empty so that the next one begins with a line."""


class LocalWriter(Writer):
    """See Writer. With *compressed* it takes longer and writes less. Raises: OSError from the constructor alone.

    *line_max* must not be less than BLOCK.
    """

    def __init__(
        self, directory: str, max_size: int, max_files: int, *, compressed: bool = False, line_max: int = LINE_MAX
    ) -> None:
        self._directory = directory
        self._compress = compressed
        self._max_size = max(max_size, MIN_SEGMENT) if max_size > 0 else 1 << 62
        self._max_files = max(max_files, 1)
        self._line_max = line_max
        self._lines = 0  # that ended in this log so far
        self._open = 0  # streams in mid-line, as a bit set
        self._open_length = {1: 0, 2: 0}
        self._last_time = 0
        self._lost = 0  # bytes dropped since the last frame
        self._number, self._size, self._fd = 0, 0, -1
        self._resume()

    def write(self, stream: int, chunk: bytes, time_ns: int) -> None:
        """See Writer."""
        try:
            if self._lost:
                self._tell_lost(time_ns)
            while chunk:
                rest = self._write_piece(stream, chunk, time_ns)
                chunk = chunk[len(chunk) - rest :] if rest else b""
        except OSError:
            # No space, a quota, a failing disk: the container must not notice. The next write tries again.
            self._lost += len(chunk)

    def close(self) -> None:
        """See Writer."""
        if self._fd < 0:
            return
        try:
            if self._lost:
                self._tell_lost(self._last_time)
            self._end_lines()
        except OSError:
            # The next writer ends the open lines; how much was lost cannot be told any more.
            self._lost = 0
        os.close(self._fd)
        self._fd = -1

    def _write_piece(self, stream: int, chunk: bytes, time_ns: int) -> int:
        """Write as much of *chunk* as one frame takes; return how many bytes are left. Raises: OSError."""
        piece = chunk[: self._reserve(min(len(chunk), MIN_PIECE))]
        last_newline = piece.rfind(b"\n")
        full = len(piece) < len(chunk) and len(piece) - last_newline <= MAX_WASTE and last_newline >= 0
        if full:
            # A block that begins with a line can be read without the one before it.
            piece = piece[: last_newline + 1]
        # A line is cut where it reaches the bound. A frame is shorter than that, so only an open line can get there.
        length = self._open_length[stream]
        allowed = self._line_max - length
        if len(piece) > allowed and piece.find(b"\n", 0, allowed) < 0:
            piece, last_newline, full = piece[:allowed], -1, False
        length = len(piece) - last_newline - 1 if last_newline >= 0 else length + len(piece)
        lines = piece.count(b"\n") if last_newline >= 0 else 0
        if length >= self._line_max:
            lines += 1
            length = 0
        kind, content = self._packed(piece) if self._compress else (DATA, piece)
        self._append(kind, stream, self._open | stream if length else self._open & ~stream, lines, time_ns, content)
        self._open_length[stream] = length
        unused = BLOCK - self._size % BLOCK
        if full and unused <= MAX_WASTE:
            self._size += unused
        return len(chunk) - len(piece)

    def _packed(self, piece: bytes) -> tuple[int, bytes]:
        packed = compress(piece, level=1) if len(piece) >= MIN_PACKED else piece
        return (PACKED, packed) if len(packed) < len(piece) else (DATA, piece)

    def _tell_lost(self, time_ns: int) -> None:
        self._reserve(LOST_CONTENT.size)
        # A line that lost its middle must not look whole, so the open lines end here; the notice is a line of its own.
        self._append(LOST, 0, 0, self._open.bit_count() + 1, time_ns, LOST_CONTENT.pack(self._lost))
        self._lost = 0
        self._open_length = {1: 0, 2: 0}

    def _end_lines(self) -> None:
        if self._open:
            self._reserve(0)
            self._append(END, 0, 0, self._open.bit_count(), self._last_time, b"")
            self._open_length = {1: 0, 2: 0}

    def _append(self, kind: int, stream: int, after: int, lines: int, time_ns: int, content: bytes) -> None:
        header = pack(kind, stream, self._open, after, lines, time_ns, self._lines, content)
        try:
            # At an offset, not appending: what a full disk took of a frame is overwritten by the next one.
            written = os.pwritev(self._fd, (header, content), self._size)
        except OSError:
            written = 0
        if written != len(header) + len(content):
            os.ftruncate(self._fd, self._size)
            raise OSError("the frame was not written whole")
        self._size += written
        self._open = after
        self._lines += lines
        self._last_time = time_ns

    def _reserve(self, content: int) -> int:
        """Move on until a frame with so many bytes of content fits; return how many may be in it. Raises: OSError."""
        while True:
            in_segment = self._max_size - self._size
            in_block = BLOCK - self._size % BLOCK
            if in_segment < OVERHEAD + content:
                self._rotate()
            elif in_block < OVERHEAD + content:
                self._size += in_block
            else:
                return min(in_segment, in_block) - OVERHEAD

    def _rotate(self) -> None:
        fd = _open_segment(self._directory, self._number + 1)
        os.close(self._fd)
        self._fd, self._size, self._number = fd, 0, self._number + 1
        self._remove_old()

    def _remove_old(self) -> None:
        for number in segment_numbers(self._directory):
            if number <= self._number - self._max_files:
                os.unlink(segment_path(self._directory, number))  # noqa: PTH108

    def _resume(self) -> None:
        """Go on where the last writer ended, or was killed."""
        numbers = segment_numbers(self._directory) or [1]
        self._number = numbers[-1]
        self._fd = _open_segment(self._directory, self._number)
        last, self._size = _last_frame(self._fd)
        # What follows the last whole frame is the frame in which the last writer was killed.
        os.ftruncate(self._fd, self._size)
        for number in reversed(numbers[:-1]):
            if last is not None:
                break
            fd = os.open(segment_path(self._directory, number), os.O_RDONLY)
            last, _ = _last_frame(fd)
            os.close(fd)
        if last is not None:
            self._lines = last.first_line + last.lines
            self._open = last.after
            self._last_time = last.time_ns
        self._remove_old()
        self._end_lines()


def _open_segment(directory: str, number: int) -> int:
    return os.open(segment_path(directory, number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _last_frame(fd: int) -> tuple[Frame | None, int]:
    """The last whole frame of a segment, and where it ends; (None, 0) where there is none."""
    blocks = -(-os.fstat(fd).st_size // BLOCK)
    for block in reversed(range(blocks)):
        last = None
        for last in frames(os.pread(fd, BLOCK, block * BLOCK)):  # noqa: B007 the last one is wanted
            continue
        if last is not None:
            return last, block * BLOCK + last.end
    return None, 0
