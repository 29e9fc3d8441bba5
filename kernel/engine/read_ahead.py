"""Reading in a thread of its own, so that who makes bytes and who uses them work at the same time."""

import io
import queue
import threading
from collections.abc import Callable
from typing import Final

BLOCK: Final = 256 << 10
BLOCKS: Final = 6  # that may lie ready: enough to bridge what either side does in between


class ReadAhead(io.RawIOBase):
    """The bytes of the stream that *source* opens, at most BLOCKS times BLOCK of them ahead of who reads.

    The stream is opened and read in the thread, from the first read on; what it raises is raised where it was due.
    `close` waits for the thread: let the stream give up before, if it may wait for long. Not for several readers.
    """

    def __init__(self, source: Callable[[], io.RawIOBase]) -> None:
        self._source = source
        self._thread = threading.Thread(target=self._run, name="ck-read-ahead", daemon=True)
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[bytearray | Exception] = queue.SimpleQueue()
        self._current: bytearray | Exception = bytearray()  # an exception, or no bytes, once it has ended
        self._at = 0
        self._stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._thread.ident is None:
            for _ in range(BLOCKS):
                self._free.put(bytearray())
            self._thread.start()
            self._current = self._ready.get()
        elif not isinstance(self._current, Exception) and 0 < len(self._current) == self._at:
            self._free.put(self._current)
            self._current, self._at = self._ready.get(), 0
        if isinstance(self._current, Exception):
            raise self._current
        with memoryview(buffer) as target, memoryview(self._current) as block:
            count = min(len(target), len(block) - self._at)
            target[:count] = block[self._at : self._at + count]
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed and self._thread.ident is not None:
            self._stopped = True
            self._free.put(bytearray())  # it may wait for one
            self._thread.join()
        super().close()

    def _run(self) -> None:
        try:
            stream = self._source()
            while not self._stopped:
                block = self._free.get()
                block.extend(bytes(BLOCK - len(block)))
                count = stream.readinto(block) or 0
                del block[count:]
                self._ready.put(block)
                if not count:
                    break
        except Exception as error:  # for the thread that reads
            self._ready.put(error)
