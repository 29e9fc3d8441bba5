"""Blobs as files: `blobs/<algorithm>/<hex>` are whole, `ingest/<algorithm>-<hex>` are partial downloads.

A blob gets its name by rename(2) after its bytes are checked and on the disk, so what has a name in `blobs` is whole,
also after a power cut. Partial files carry their digest in their name: the next process goes on where a killed one was.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.content import BlobInfo, Draft, Ingest
from ck.kernel.drivers.digest import DIGEST, sha256_digest, split_digest, verify
from ck.kernel.errors import CorruptData, NotFound
from ck.plugins.builtin.content_local.draft import LocalDraft
from ck.plugins.builtin.content_local.ingest import LocalIngest, flush

BLOCK: Final = 512  # bytes, what st_blocks counts (stat(2))
PARTIAL: Final = re.compile(r"sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128}")
STALE_SECONDS: Final = 7 * 86400
"""A download that nobody took up again for a week is not going to be."""


class LocalContent:
    """The content store "local"."""

    name = "local"

    def __init__(self) -> None:
        self._blobs = self._ingest = Path()
        self._under_way: dict[str, trio.Event] = {}

    async def open(self, root: Path) -> None:
        self._blobs, self._ingest = root / "blobs", root / "ingest"
        await trio.to_thread.run_sync(self._prepare)

    def _prepare(self) -> None:
        for directory in (self._blobs / "sha256", self._blobs / "sha512", self._ingest):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._ingest.iterdir():
            # Any other name is of a blob that was being made here, by `add` or as a draft, and will be made anew.
            if not PARTIAL.fullmatch(file.name) or file.stat().st_mtime < time.time() - STALE_SECONDS:
                file.unlink()

    async def has(self, digest: str) -> bool:
        return await trio.to_thread.run_sync(self._file(digest).is_file)

    async def read(self, digest: str) -> bytes:
        file = self._file(digest)
        try:
            content = await trio.to_thread.run_sync(file.read_bytes)
        except FileNotFoundError:
            raise NotFound(f"no such blob: {digest}") from None
        if not verify(content, digest):
            raise CorruptData(f"blob {digest} does not have the bytes that its digest names")
        return content

    async def add(self, content: bytes) -> str:
        digest = sha256_digest(content)
        file = self._file(digest)
        await trio.to_thread.run_sync(self._add, file, content)
        return digest

    def _add(self, file: Path, content: bytes) -> None:
        if file.is_file() and file.stat().st_size == len(content):
            return
        temporary = self._ingest / f"add-{os.urandom(8).hex()}"
        try:
            temporary.write_bytes(content)
            flush(temporary)
            temporary.rename(file)
        finally:
            temporary.unlink(missing_ok=True)

    async def path(self, digest: str) -> Path:
        if not await self.has(digest):
            raise NotFound(f"no such blob: {digest}")
        return self._file(digest)

    async def ingest(self, digest: str, size: int | None) -> Ingest:
        algorithm, digits = split_digest(digest)
        while (other := self._under_way.get(digest)) is not None:
            await other.wait()
        ended = self._under_way[digest] = trio.Event()

        def release() -> None:
            del self._under_way[digest]
            ended.set()

        try:
            partial = self._ingest / f"{algorithm}-{digits}"
            return await trio.to_thread.run_sync(LocalIngest, digest, partial, self._file(digest), size, release)
        except BaseException:
            release()
            raise

    async def draft(self) -> Draft:
        return await trio.to_thread.run_sync(LocalDraft, self._ingest / f"draft-{os.urandom(8).hex()}", self._file)

    async def blobs(self) -> Sequence[BlobInfo]:
        return await trio.to_thread.run_sync(self._list)

    def _list(self) -> list[BlobInfo]:
        found = (
            (f"{directory.name}:{file.name}", file)
            for directory in self._blobs.iterdir()
            for file in directory.iterdir()
        )
        return _described((digest, file) for digest, file in found if DIGEST.fullmatch(digest))

    async def partials(self) -> Sequence[BlobInfo]:
        return await trio.to_thread.run_sync(self._list_partials)

    def _list_partials(self) -> list[BlobInfo]:
        found = ((file.name.replace("-", ":", 1), file) for file in self._ingest.iterdir())
        return _described(
            (digest, file) for digest, file in found if PARTIAL.fullmatch(file.name) and digest not in self._under_way
        )

    async def remove_partial(self, digest: str) -> None:
        algorithm, digits = split_digest(digest)
        if digest not in self._under_way:
            # Not in a thread: between the look and the removal nobody may begin.
            (self._ingest / f"{algorithm}-{digits}").unlink(missing_ok=True)

    async def remove(self, digest: str) -> None:
        file = self._file(digest)
        await trio.to_thread.run_sync(lambda: file.unlink(missing_ok=True))

    async def close(self) -> None:
        """Nothing is held open between calls."""

    def _file(self, digest: str) -> Path:
        algorithm, digits = split_digest(digest)
        return self._blobs / algorithm / digits


def _described(found: Iterable[tuple[str, Path]]) -> list[BlobInfo]:
    """By digest; what disappears meanwhile is left out."""
    blobs = []
    for digest, file in found:
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            blobs.append(BlobInfo(digest=digest, size=status.st_size, disk=status.st_blocks * BLOCK))
    return sorted(blobs, key=lambda blob: blob.digest)
