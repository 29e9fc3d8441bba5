"""A queue of bytes that is short in memory and long on disk, so that a slow reader stops nobody."""

import os
from collections import deque
from collections.abc import Callable
from typing import Final

MEMORY: Final = 1 << 20
DISK: Final = 1 << 30
CHUNK: Final = 1 << 18


def unlinked_file(directory: str) -> int:
    """An fd, open for reading and writing, of a file without a name in *directory*: it goes when the fd does."""
    return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)


class SpillQueue:
    """Bytes in, the same bytes out.

    Past *memory* bytes (at least 1) they wait in a file of at most *disk* bytes, past that in memory again, and then
    `full` asks the writer to stop for a while: nothing is ever refused.

    *open_file* makes the file when it is first needed (`unlinked_file`). A disk that takes no more counts as full.
    """

    __slots__ = ("_disk", "_file", "_head", "_head_size", "_memory", "_open_file", "_spilled", "_tail", "_taken")

    def __init__(self, open_file: Callable[[], int], memory: int = MEMORY, disk: int = DISK) -> None:
        self._open_file = open_file
        self._memory = memory
        self._disk = disk
        # Oldest first: head (memory), file, tail (memory).
        self._head: deque[memoryview] = deque()
        self._head_size = 0
        self._tail: deque[memoryview] = deque()
        self._file = -1
        # Counted since the file was last empty. The file is a ring of `disk` bytes, so that it cannot outgrow it.
        self._spilled = 0
        self._taken = 0

    def __bool__(self) -> bool:
        # The head is refilled whenever it runs out, so it is empty only when all is.
        return bool(self._head)

    @property
    def full(self) -> bool:
        """Whether the writer should wait: neither memory nor disk has room."""
        return bool(self._tail)

    def append(self, chunk: bytes | memoryview) -> None:
        """Add *chunk* at the end."""
        view = memoryview(chunk)
        if self._tail:
            self._tail.append(view)
        elif self._spilled == self._taken and self._head_size < self._memory:
            self._head.append(view)
            self._head_size += len(view)
        elif rest := self._spill(view):
            self._tail.append(rest)

    def peek(self, buffers: int = 64) -> list[memoryview]:
        """The oldest bytes, at most so many *buffers* of them, as sendmsg(2) takes them."""
        return [self._head[i] for i in range(min(buffers, len(self._head)))]

    def consume(self, count: int) -> None:
        """Drop the oldest *count* bytes: they were sent."""
        self._head_size -= count
        while count:
            first = self._head[0]
            if count < len(first):
                self._head[0] = first[count:]
                break
            count -= len(first)
            self._head.popleft()
        if not self._head:
            self._refill()

    def close(self) -> None:
        """Drop everything."""
        self._head.clear()
        self._tail.clear()
        self._head_size = self._spilled = self._taken = 0
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _refill(self) -> None:
        if self._spilled == self._taken:
            self._head, self._tail = self._tail, self._head
            self._head_size = sum(map(len, self._head))
            return
        at = self._taken % self._disk
        chunk = os.pread(self._file, min(CHUNK, self._spilled - self._taken, self._disk - at), at)
        if not chunk:
            raise OSError(f"a spill file ends at byte {at}, before what was written to it")
        self._taken += len(chunk)
        self._head.append(memoryview(chunk))
        self._head_size = len(chunk)
        if self._spilled == self._taken:
            # Gives the disk its space back.
            os.ftruncate(self._file, 0)
            self._spilled = self._taken = 0
        while self._tail:
            rest = self._spill(self._tail.popleft())
            if rest:
                self._tail.appendleft(rest)
                break

    def _spill(self, view: memoryview) -> memoryview:
        """Write to the file what it has room for; return the rest."""
        try:
            if self._file < 0:
                self._file = self._open_file()
            while view and (room := self._disk - (self._spilled - self._taken)):
                at = self._spilled % self._disk
                written = os.pwrite(self._file, view[: min(room, self._disk - at)], at)
                self._spilled += written
                view = view[written:]
        except OSError:
            # No space, or no directory any more: the writer waits for the reader instead. Nothing is lost.
            return view
        return view
