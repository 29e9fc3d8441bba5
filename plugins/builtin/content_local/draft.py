"""One blob that is made here: hashed while it is written, renamed once its digest is known."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import trio

from ck.kernel.drivers.content import BlobInfo
from ck.plugins.builtin.content_local.ingest import flush


class LocalDraft:
    """See ck.kernel.drivers.content.Draft. The constructor opens a file: call it in a worker thread."""

    def __init__(self, path: Path, target: Callable[[str], Path]) -> None:
        self.path, self._target = path, target
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb", 0)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes | memoryview) -> int:
        self._hash.update(chunk)
        self._size += len(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(chunk)

    async def finish(self) -> BlobInfo:
        self._file.close()
        return BlobInfo(digest=f"sha256:{self._hash.hexdigest()}", size=self._size)

    async def commit(self) -> None:
        await trio.to_thread.run_sync(self._commit)

    def _commit(self) -> None:
        flush(self.path)
        self.path.rename(self._target(f"sha256:{self._hash.hexdigest()}"))

    async def discard(self) -> None:
        await trio.to_thread.run_sync(self._discard)

    def _discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)
