"""What ADD makes of archives, which it unpacks, and of single files from elsewhere. Everything blocks."""

import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, cast

from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.header import BLOCK, checked
from ck.kernel.archive.reader import Readable, TarReader
from ck.kernel.engine.build.copy import CopyWriter
from ck.kernel.engine.build.remote import Download
from ck.kernel.engine.decompress import decompressed
from ck.kernel.errors import CkError, CorruptData

_CHUNK: Final = 1 << 20
_FILE_MODE: Final = 0o600  # of what came by URL, as Docker has it


def add_file(writer: CopyWriter, found: Download) -> None:
    """Copy what came by URL."""
    size = found.path.stat().st_size
    name = os.fsencode(found.name)
    entry = Entry(
        name,
        mode=_FILE_MODE,
        size=size,
        stored=size,
        mtime_ns=found.mtime_ns,
    )
    with found.path.open("rb") as file:
        writer.file(name, entry, iter(lambda: file.read(_CHUNK), b""))


def opened_archive(file: BinaryIO) -> Readable | None:
    """The tar, uncompressed, that *file* is; None for what is none."""
    file.seek(0)
    try:
        stream = decompressed(cast(Readable, file))
        head = b""
        while len(head) < BLOCK and (chunk := stream.read(BLOCK - len(head))):
            head += chunk
        if len(head) < BLOCK or not any(head):
            return None
        checked(head)
    except CkError:
        return None
    return _Again(head, stream)


def add_archive(writer: CopyWriter, stream: Readable) -> None:
    """Unpack *stream*, a tar. Raises: CorruptData for one that is damaged or leads out."""
    reader = TarReader(stream)
    for entry in reader:
        path = entry.name
        if entry.kind is Kind.CHARACTER_DEVICE and not entry.major and not entry.minor:
            raise CorruptData(f"{os.fsdecode(path)} is the device 0:0, which stands for a deleted file")
        content = reader.data()
        if entry.segments is not None:
            content = _filled(content, entry.segments, entry.size)
            entry.segments, entry.stored = None, entry.size
        if path:
            writer.unpacked(path, entry, content)


def _filled(content: Iterator[memoryview], segments: Sequence[tuple[int, int]], size: int) -> Iterator[memoryview]:
    """All of a sparse file of which *content* has the *segments*."""
    at = 0
    rest = memoryview(b"")
    for offset, length in segments:
        yield from _zeros(offset - at)
        left = length
        while left:
            rest = rest or next(content)
            piece, rest = rest[:left], rest[left:]
            left -= len(piece)
            yield piece
        at = offset + length
    yield from _zeros(size - at)


def _zeros(count: int) -> Iterator[memoryview]:
    for start in range(0, count, _CHUNK):
        yield memoryview(bytes(min(_CHUNK, count - start)))


class _Again:
    """*head*, then the rest of *stream*."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._stream.read(size)
