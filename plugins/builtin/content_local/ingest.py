"""One blob on its way in: an append-only file that is checked and renamed once it is whole."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import trio

from ck.kernel.drivers.digest import matches
from ck.kernel.errors import CorruptData


class LocalIngest:
    """See ck.kernel.drivers.content.Ingest. The constructor opens files: call it in a worker thread."""

    def __init__(self, digest: str, path: Path, target: Path, size: int | None, release: Callable[[], None]) -> None:
        self.digest, self.path = digest, path
        self._target, self._release = target, release
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._ended = False
        self.offset = os.fstat(self._fd).st_size
        if size is not None and self.offset > size:
            os.ftruncate(self._fd, 0)
            self.offset = 0

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            written = os.write(self._fd, rest)
            self.offset += written
            rest = rest[written:]

    async def commit(self) -> None:
        try:
            await trio.to_thread.run_sync(self._commit)
        finally:
            self._end()

    def _commit(self) -> None:
        # Hashed here and not in `write`: once, whether the download was interrupted or not, and never for a layer,
        # whose reader hashes it on the way into the storage driver.
        with self.path.open("rb", buffering=0) as file:
            hashed = hashlib.file_digest(file, self.digest.partition(":")[0])
        if not matches(hashed, self.digest):
            self.path.unlink()
            raise CorruptData(f"blob {self.digest} arrived with the digest {hashed.name}:{hashed.hexdigest()}")
        self._keep()

    async def keep(self) -> None:
        try:
            await trio.to_thread.run_sync(self._keep)
        finally:
            self._end()

    def _keep(self) -> None:
        flush(self.path)
        self.path.rename(self._target)

    async def discard(self) -> None:
        try:
            if not self._ended:
                await trio.to_thread.run_sync(self.path.unlink)
        finally:
            self._end()

    async def close(self) -> None:
        self._end()

    def _end(self) -> None:
        """Close and let the next ingest of the digest begin; once, whichever way the ingest ends first."""
        if not self._ended:
            self._ended = True
            os.close(self._fd)
            self._release()


def flush(file: Path) -> None:
    """Bring the bytes to the disk before the name is, so that a power cut leaves no name without its bytes."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)
