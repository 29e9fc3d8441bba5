"""Uploads in whatever compression the client chose: told by their first bytes, as Docker does."""

import bz2
import gzip
import lzma
import zlib
from typing import IO, BinaryIO, Final, cast

from ck.kernel.errors import CorruptData

_MAGIC_BYTES: Final = 6


def decompressed(stream: BinaryIO) -> BinaryIO:
    """*stream* itself, or what it holds in gzip, bzip2, xz or zstd. Its `read` raises CorruptData where that is damaged."""
    head = b""
    while len(head) < _MAGIC_BYTES and (chunk := stream.read(_MAGIC_BYTES - len(head))):
        head += chunk
    whole = cast(BinaryIO, _Rejoined(head, stream))
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, _Checked(cast(BinaryIO, gzip.GzipFile(fileobj=whole)), "gzip"))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, _Checked(bz2.BZ2File(whole), "bzip2"))
    if head.startswith(b"\xfd7zXZ\0"):
        return cast(BinaryIO, _Checked(lzma.LZMAFile(whole), "xz"))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard  # 10 ms that hardly any upload needs

        return cast(BinaryIO, _Checked(zstandard.ZstdDecompressor().stream_reader(whole), "zstd"))
    return whole
