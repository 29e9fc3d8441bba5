"""Writes Docker's json-file format (entries: json_encode, files: json_files)."""

import os

from ck.kernel.spool.json_encode import PIECE_MAX, encode, next_piece
from ck.kernel.spool.json_files import current_path, rotate
from ck.kernel.spool.writer import Writer


class JsonFileWriter(Writer):
    """See Writer. Raises: OSError from the constructor alone."""

    def __init__(self, directory: str, max_size: int, max_files: int) -> None:
        self._directory = directory
        self._max_size = max_size if max_size > 0 else 1 << 62
        self._max_files = max(max_files, 1)
        self._unfinished = {1: b"", 2: b""}
        self._last_time = 0
        self._lost = 0  # bytes of output dropped since the last entry
        self._fd = os.open(current_path(directory), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size = _end_of_entries(self._fd)
        # What follows is the entry in which the last writer was killed.
        os.ftruncate(self._fd, self._size)

    def write(self, stream: int, chunk: bytes, time_ns: int) -> None:
        """See Writer."""
        output = self._unfinished[stream] + chunk
        self._last_time = time_ns
        whole = output.rfind(b"\n") + 1
        start = 0
        # The rest of a line waits for its end, or until it is longer than an entry holds.
        while start < whole or len(output) - start > PIECE_MAX:
            end = next_piece(output, start)
            self._log(stream, output[start:end], time_ns)
            start = end
        self._unfinished[stream] = output[start:]

    def close(self) -> None:
        """See Writer."""
        if self._fd < 0:
            return
        for stream, rest in self._unfinished.items():
            if rest:
                self._log(stream, rest, self._last_time)
        os.close(self._fd)
        self._fd = -1

    def _log(self, stream: int, output: bytes, time_ns: int) -> None:
        try:
            if self._lost:
                notice = b"[ck: %d bytes of output lost: the log was not writable]\n" % self._lost
                self._append(encode(notice, 2, time_ns))
                self._lost = 0
            self._append(encode(output, stream, time_ns))
        except OSError:
            # No space, a quota, a failing disk: the container must not notice. The next entry tries again.
            self._lost += len(output)

    def _append(self, entries: bytes) -> None:
        """Raises: OSError; entries before the one that did not fit may be written."""
        while entries:
            fitting = entries.rfind(b"\n", 0, max(self._max_size - self._size, 0)) + 1
            if not fitting and self._size:
                self._rotate()
                continue
            # A single entry may be longer than a file should be.
            fitting = fitting or entries.index(b"\n") + 1
            # At an offset, not appending: what a full disk took of an entry is overwritten by the next one.
            if os.pwrite(self._fd, entries[:fitting], self._size) != fitting:
                os.ftruncate(self._fd, self._size)
                raise OSError("the entries were not written whole")
            self._size += fitting
            entries = entries[fitting:]

    def _rotate(self) -> None:
        rotate(self._directory, self._max_files)
        fd = os.open(current_path(self._directory), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.close(self._fd)
        self._fd, self._size = fd, 0


def _end_of_entries(fd: int) -> int:
    """Where the last whole entry ends."""
    end = os.fstat(fd).st_size
    while end > 0:
        start = max(end - 65536, 0)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
