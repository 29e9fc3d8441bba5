"""Uploads in whatever compression the client chose: told by their first bytes, as Docker does."""

import bz2
import gzip
import lzma
import zlib
from typing import Any, Final, cast

from ck.kernel.archive.reader import Readable
from ck.kernel.errors import CorruptData

_MAGIC_BYTES: Final = 6
_READ: Final = 1 << 16
_PIECE: Final = 1 << 10  # may become 32 MiB at the worst (128 KiB for each block of 4 bytes), so no more at once


def decompressed(stream: Readable) -> Readable:
    """What *stream* holds: as it is, or in gzip, bzip2, xz or zstd. `read` raises CorruptData where that is damaged."""
    head = b""
    while len(head) < _MAGIC_BYTES and (chunk := stream.read(_MAGIC_BYTES - len(head))):
        head += chunk
    # The decompressors are typed for whole file objects, but use `read` alone.
    whole: Any = _Rejoined(head, stream)
    if head.startswith(b"\x1f\x8b"):
        return _Checked(cast(Readable, gzip.GzipFile(fileobj=whole)), "gzip")
    if head.startswith(b"BZh"):
        return _Checked(bz2.BZ2File(whole), "bzip2")
    if head.startswith(b"\xfd7zXZ\0"):
        return _Checked(lzma.LZMAFile(whole), "xz")
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard  # hardly any upload needs it

        return _Checked(_Zstd(zstandard, whole), "zstd")
    return _Rejoined(head, stream)


class _Rejoined:
    """A stream with the bytes put back that were looked at."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._rest.read(size)


class _Zstd:
    """A decompressor that tells a stream cut short from one that has ended, as zstandard's own reader does not."""

    def __init__(self, zstandard: Any, stream: Readable) -> None:
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self._stream = stream
        self._frame: Any = None
        self._packed = self._ready = b""

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            if not self._packed:
                self._packed = self._stream.read(_READ)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the last frame is cut short")
                return b""
            self._feed()
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def _feed(self) -> None:
        piece, self._packed = self._packed[:_PIECE], self._packed[_PIECE:]
        if self._frame is None:
            self._frame = self._new()
        try:
            self._ready = self._frame.decompress(piece)
        except self._error as error:
            raise EOFError(str(error)) from error
        if self._frame.eof:
            self._packed = self._frame.unused_data + self._packed
            self._frame = None


class _Checked:
    """A decompressor whose complaints become CorruptData."""

    def __init__(self, stream: Readable, format_name: str) -> None:
        self._stream = stream
        self._format = format_name

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise CorruptData(f"the upload is not valid {self._format}: {error}") from error
