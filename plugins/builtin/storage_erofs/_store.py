"""Writing a layer's file: the archive as it arrives, then what makes it an image. Blocks."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ck.kernel.archive.entry import Entry
from ck.kernel.archive.header import padding
from ck.kernel.archive.reader import Readable, TarReader
from ck.kernel.errors import CorruptData, Unavailable
from ck.plugins.builtin.storage_erofs._below import MergedBelow
from ck.plugins.builtin.storage_erofs._format import SUPERBLOCK_AT
from ck.plugins.builtin.storage_erofs._image import TAR_AT, Image, build
from ck.plugins.builtin.storage_erofs._layer import LayerTree
from ck.plugins.builtin.storage_erofs._node import Directory

MAX_HEADERS: Final = 2 << 30  # bytes of an archive that are not content: more than its index takes in memory
CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An archive that is in its place: its entries with the places of their content in it, and its length in bytes."""

    entries: Sequence[tuple[Entry, int]]
    tar: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes of the archive, of the whole file, and of the regular files in it."""

    tar: int
    length: int
    size: int


def receive(stream: Readable, path: Path) -> Received:
    """Make the file *path*, read-only for its owner, with the archive *stream*, read to its end, in its place.

    Raises: CorruptData for a malformed archive, Unavailable (no space), and what the stream raises.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        copied = _Copied(stream, fd)
        entries = _index(copied)
        return Received(entries=entries, tar=copied.at - TAR_AT)
    finally:
        os.close(fd)


def complete(path: Path, received: Received, *, uuid: bytes, below: Callable[[], Sequence[int]]) -> Stored:
    """Make the file *path*, which `receive` has made, an image; *below* opens the layers under it, uppermost first.

    The superblock is written last: what a crash leaves cannot be mounted.
    Raises: CorruptData for an archive that leads out, Unsupported, Unavailable (no space).
    """
    image = build(_tree(received.entries, below), tar=received.tar, uuid=uuid)
    with _writing():
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _finish(fd, image)
        finally:
            os.close(fd)
    return Stored(tar=received.tar, length=image.length, size=sum(entry.size for entry, _ in received.entries))


class _Copied:
    """A stream that leaves a copy of what is read from it in a file."""

    def __init__(self, stream: Readable, fd: int) -> None:
        self._stream, self._fd = stream, fd
        self.at = TAR_AT

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(size)
        with _writing():
            _write(self._fd, chunk, self.at)
        self.at += len(chunk)
        return chunk


def _index(copied: _Copied) -> list[tuple[Entry, int]]:
    reader = TarReader(copied)
    entries: list[tuple[Entry, int]] = []
    content = 0
    for entry in reader:
        at = reader.position
        if at - content > MAX_HEADERS:
            raise CorruptData(f"the layer has more than {len(entries)} entries, too many to keep in memory")
        content += entry.stored + padding(entry.stored)
        entries.append((entry, at))
    reader.drain()
    return entries


def _tree(entries: Sequence[tuple[Entry, int]], below: Callable[[], Sequence[int]]) -> Directory:
    tree = LayerTree(MergedBelow(below))
    if all(entry.name for entry, _ in entries):
        tree.inherit_root()
    for entry, at in entries:
        tree.add(entry, at)
    return tree.root


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot write the layer: {error.strerror or error}") from error


def _finish(fd: int, image: Image) -> None:
    os.ftruncate(fd, image.length)
    for source, target, length in image.copies:
        _copy(fd, source, target, length)
    _write(fd, image.metadata, image.metadata_at)
    _write(fd, image.superblock, SUPERBLOCK_AT)


def _copy(fd: int, source: int, target: int, length: int) -> None:
    while length:
        chunk = os.pread(fd, min(length, CHUNK), source)
        _write(fd, chunk, target)
        source, target, length = source + len(chunk), target + len(chunk), length - len(chunk)


def _write(fd: int, content: bytes | bytearray, at: int) -> None:
    view = memoryview(content)
    while view:
        count = os.pwrite(fd, view, at)
        view, at = view[count:], at + count
