"""Reading what may be compressed: gzip, zstd or plain, told apart by the first bytes.

Sources: RFC 1952 (gzip, members may follow one another), RFC 8878 (zstd, so may frames). Media types and file names
lie, so they are not asked. Memory stays bounded whatever the input: a read gives no more than was asked for.
"""

import io
import zlib
from typing import IO, Final, Protocol, cast

from ck.kernel.errors import CorruptData

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
BLOCK: Final = 256 << 10
"""Bytes read at once. Large, since each block takes and gives back the interpreter's lock."""

MAX_ZSTD_WINDOW: Final = 128 << 20
"""What `zstd --long` makes and the reference decoder takes without being asked to; more is an attack on memory."""


class _Stream(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Inflated(io.RawIOBase):
    """The uncompressed bytes of *raw*. Raises CorruptData for a broken or cut stream, and for bytes after its end.

    A zstd stream that is cut at the end of a block reads as if it ended there: the caller checks a digest or a length.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        head = _read_fully(raw, len(ZSTD_MAGIC))
        self._stream, self._failures = _open(head, _Prefixed(head, raw))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            with memoryview(buffer) as view:
                return self._stream.readinto(view) or 0
        except self._failures as error:
            raise CorruptData(f"compressed data is broken: {error}") from error


def _open(head: bytes, raw: io.RawIOBase) -> tuple[_Stream, tuple[type[Exception], ...]]:
    """A decoder for what begins with *head*, and the exceptions by which it tells of broken input."""
    # The decoders are imported where they are needed, because an idle engine's memory is a budget.
    if head.startswith(GZIP_MAGIC):
        import gzip

        try:
            from isal import igzip, isal_zlib
        except ImportError:  # isal is built for x86-64 and arm64 only
            return gzip.GzipFile(fileobj=raw, mode="rb"), (EOFError, gzip.BadGzipFile, zlib.error)
        broken = cast(type[Exception], isal_zlib.error)
        return igzip.open(raw, "rb"), (EOFError, gzip.BadGzipFile, broken)  # type: ignore[no-untyped-call]
    if head == ZSTD_MAGIC:
        import zstandard

        decoder = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW)
        reader = decoder.stream_reader(cast(IO[bytes], raw), read_size=BLOCK, read_across_frames=True)
        return cast(_Stream, reader), (zstandard.ZstdError,)
    return raw, ()


class _Prefixed(io.RawIOBase):
    """*head*, then *raw*: puts back what was read to tell the format."""

    def __init__(self, head: bytes, raw: io.RawIOBase) -> None:
        self._head, self._raw = head, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._head:
            return self._raw.readinto(buffer) or 0
        count = min(len(buffer), len(self._head))
        buffer[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


def _read_fully(raw: io.RawIOBase, size: int) -> bytes:
    """*size* bytes, or fewer at the end; *raw* may give them one by one."""
    head = b""
    while len(head) < size and (more := raw.read(size - len(head))):
        head += more
    return head
