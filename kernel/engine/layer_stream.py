"""A layer as the storage driver reads it: inflated and checked, while its compressed bytes are still arriving."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

from ck.kernel.drivers.digest import matches, new_hash
from ck.kernel.drivers.registry import Descriptor
from ck.kernel.engine.inflate import BLOCK, Inflated
from ck.kernel.engine.read_ahead import ReadAhead
from ck.kernel.errors import CkError, CorruptData, Unavailable


class GrowingFile(io.RawIOBase):
    """The file of a download, read from its start by one thread while it grows; a read at the end waits for more.

    Ends at the size of the descriptor. `failure` is what made the download stop, if it did.
    """

    def __init__(self, path: Path, descriptor: Descriptor, consumed: Callable[[int], None]) -> None:
        """*consumed* is told in the reading thread how many bytes have been read. Blocks on the disk."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._descriptor, self._consumed = descriptor, consumed
        self._hash = new_hash(descriptor.digest)
        self._changed = threading.Condition()
        self._available = self._position = 0
        self._aborted = False
        self.failure: CkError | None = None

    def grown(self, available: int) -> None:
        """Say that the file has *available* bytes."""
        with self._changed:
            self._available = min(available, self._descriptor.size)
            self._changed.notify()

    def fail(self, reason: CkError) -> None:
        """Say that no more will come; the reader raises *reason*."""
        with self._changed:
            self.failure = reason
            self._changed.notify()

    def abort(self) -> None:
        """Make the reader give up, whatever it is waiting for."""
        with self._changed:
            self._aborted = True
            self._changed.notify()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with self._changed:
            self._changed.wait_for(self._may_read)
            if self.failure:
                raise self.failure
            if self._aborted:
                raise Unavailable(f"the pull of layer {self._descriptor.digest} was cancelled")
            room = min(len(buffer), self._available - self._position)
        with memoryview(buffer) as view:
            count = os.preadv(self._fd, [view[:room]], self._position)
            self._hash.update(view[:count])
        self._position += count
        self._consumed(self._position)
        return count

    def _may_read(self) -> bool:
        at_end = self._position == self._descriptor.size
        return bool(self._available > self._position or at_end or self.failure or self._aborted)

    @property
    def is_read(self) -> bool:
        """Whether the reader has all of it."""
        return self._position == self._descriptor.size

    def verify(self) -> None:
        """Check that all was read and is what the digest names. Raises: CorruptData."""
        if self._position != self._descriptor.size or not matches(self._hash, self._descriptor.digest):
            raise CorruptData(f"layer {self._descriptor.digest} does not have the bytes that its digest names")

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


class _CheckedLayer(io.RawIOBase):
    """The uncompressed layer; its end raises CorruptData unless both digests are right."""

    def __init__(self, file: GrowingFile, diff_id: str) -> None:
        self._file, self._diff_id = file, diff_id
        # Inflating takes more than all the rest. It is begun there and not here: it reads, and so may wait.
        self._inflated = ReadAhead(lambda: Inflated(file))
        self._hash = new_hash(diff_id)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with memoryview(buffer) as view:
            count = self._inflated.readinto(view)
            self._hash.update(view[:count])
            if count == 0 and len(view) > 0:
                self._verify()
        return count

    def close(self) -> None:
        self._inflated.close()
        super().close()

    def _verify(self) -> None:
        self._file.verify()
        if not matches(self._hash, self._diff_id):
            found = f"{self._hash.name}:{self._hash.hexdigest()}"
            raise CorruptData(f"a layer that must unpack to {self._diff_id} unpacks to {found}")


def open_layer(file: GrowingFile, diff_id: str) -> io.BufferedReader:
    """The uncompressed bytes of the layer in *file*, checked at their end. Closing it waits for a read of *file*."""
    return io.BufferedReader(_CheckedLayer(file, diff_id), BLOCK)
