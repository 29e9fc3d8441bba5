"""Reading a tar stream, entry by entry, from any file object; never seeks, so a pipe or a decompressor will do."""

from collections.abc import Iterator
from typing import Final, Protocol

from ck.kernel.archive import pax
from ck.kernel.archive.entry import Entry, Kind, clean, shown
from ck.kernel.archive.header import BLOCK, MAX_ID, MAX_SIZE, NULL_BLOCK, is_plain, padding, parse_header, parse_number
from ck.kernel.errors import CorruptData

CHUNK: Final = 256 << 10  # of larger blocks malloc(3) would have the kernel map and clear each anew
MAX_SPECIAL: Final = 1 << 20  # bytes of one extended header, long name or sparse map: an image holds kilobytes
MAX_SEGMENTS: Final = 1 << 16
MAX_MAJOR: Final = 0xFFF  # makedev(3) of the kernel
MAX_MINOR: Final = 0xFFFFF


class Readable(Protocol):
    """What a tar is read from: a binary file, a decompressor, anything with this method; b"" is the end."""

    def read(self, size: int, /) -> bytes: ...


class TarReader:
    """Iterate for the entries; between two of them, `data` gives the content of the last. Bytes left over are skipped.

    Understands ustar, V7, GNU (long names, old sparse files) and pax (global headers, xattrs, sparse 0.0, 0.1, 1.0).
    Raises: CorruptData from the iterator and from `data`, and whatever the stream raises.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._buffer = b""
        self._at = 0
        self._read = 0  # bytes taken from the stream, the buffer's with them
        self._left = 0  # bytes of the current entry's content that nobody has read
        self._padding = 0
        self._name = b""

    def __iter__(self) -> Iterator[Entry]:
        common: dict[bytes, bytes] = {}
        records: list[tuple[bytes, bytes]] = []
        long_name = long_link = b""
        while (block := self._next_block()) is not None:
            flag, entry = parse_header(block)
            self._begin(entry)
            if is_plain(flag):
                pass
            elif flag in (b"x", b"X"):
                records = pax.parse_records(self._special())
                continue
            elif flag == b"g":
                common.update(pax.parse_records(self._special()))
                continue
            elif flag == b"L":
                long_name = self._special().split(b"\0", 1)[0]
                continue
            elif flag == b"K":
                long_link = self._special().split(b"\0", 1)[0]
                continue
            entry.name = long_name or entry.name
            entry.link = long_link or entry.link
            self._complete(flag, entry, block, common, records)
            yield entry
            records, long_name, long_link = [], b"", b""

    @property
    def position(self) -> int:
        """Where the content of the current entry begins in the stream, until any of it is read; in bytes, a multiple
        of 512."""
        return self._read - len(self._buffer) + self._at

    def data(self) -> Iterator[memoryview]:
        """The content of the current entry in chunks, for a sparse file its segments one after another."""
        while self._left:
            if self._at >= len(self._buffer) and not self._fill():
                raise CorruptData(f"the archive ends in the middle of {shown(self._name)}")
            chunk = memoryview(self._buffer)[self._at : self._at + self._left]
            self._at += len(chunk)
            self._left -= len(chunk)
            yield chunk

    def drain(self) -> None:
        """Read on to the end of the stream, past the end of the archive: only there a checking stream has its say."""
        self._buffer, self._at = b"", 0
        while chunk := self._stream.read(CHUNK):
            self._read += len(chunk)

    def _complete(
        self, flag: bytes, entry: Entry, block: bytes, common: dict[bytes, bytes], records: list[tuple[bytes, bytes]]
    ) -> None:
        """Add what the headers before *entry* and the sparse map after it say; go to its content."""
        merged = common | dict(records) if records or common else None
        if merged:
            pax.amend(entry, {key: value for key, value in merged.items() if value})
        if not is_plain(flag) and flag != b"S":
            raise CorruptData(f"{shown(entry.name)} is of the unknown type {shown(flag)}")
        if not (0 <= entry.uid <= MAX_ID and 0 <= entry.gid <= MAX_ID):
            raise CorruptData(f"{shown(entry.name)} has the impossible owner {entry.uid}:{entry.gid}")
        if abs(entry.mtime_ns) > MAX_SIZE or not (0 <= entry.major <= MAX_MAJOR and 0 <= entry.minor <= MAX_MINOR):
            raise CorruptData(f"{shown(entry.name)} has an impossible time or device number")
        if b"\0" in entry.link or (entry.xattrs and any(b"\0" in name for name in entry.xattrs)):
            raise CorruptData(f"{shown(entry.name)} has a link target or an attribute name with a NUL byte")
        if entry.kind is not Kind.FILE:
            entry.size = entry.stored = 0  # some writers repeat the size of its target in a link
        self._begin(entry)
        if flag == b"S":
            self._old_sparse(entry, block)
        elif merged and (version := pax.sparse_version(merged)):
            entry.name = merged.get(b"GNU.sparse.name", entry.name)
            size = merged.get(b"GNU.sparse.realsize") or merged.get(b"GNU.sparse.size")
            segments = pax.sparse_map(records) if version == "0" else self._stored_map()
            entry.stored = self._left
            self._set_segments(entry, segments, pax.parse_integer(size) if size else entry.size)
        entry.name = clean(entry.name)

    def _begin(self, entry: Entry) -> None:
        if not 0 <= entry.stored <= MAX_SIZE:
            raise CorruptData(f"{shown(entry.name)} has the impossible size {entry.stored}")
        self._left, self._padding, self._name = entry.stored, padding(entry.stored), entry.name

    def _set_segments(self, entry: Entry, segments: list[tuple[int, int]], size: int) -> None:
        end = 0
        for offset, length in segments:
            if offset < end or offset + length > size:
                raise CorruptData(f"{shown(entry.name)} is a sparse file whose map is out of order or beyond its size")
            end = offset + length
        if sum(length for _, length in segments) != entry.stored or size > MAX_SIZE:
            raise CorruptData(f"{shown(entry.name)} is a sparse file whose map does not match its content")
        entry.size, entry.segments = size, segments

    def _old_sparse(self, entry: Entry, block: bytes) -> None:
        """GNU's type "S": four segments in the header, 21 in each extension block that a flag announces."""
        table, more = block[386:482], block[482]
        while more:
            extension = self._take(BLOCK)
            table += extension[:504]
            more = extension[504]
            if len(table) > MAX_SEGMENTS * 24:
                raise CorruptData(f"{shown(entry.name)} is a sparse file with more than {MAX_SEGMENTS} segments")
        pairs = [
            (parse_number(table[at : at + 12]), parse_number(table[at + 12 : at + 24]))
            for at in range(0, len(table), 24)
            if table[at] and table[at + 12]
        ]
        self._set_segments(entry, pairs, parse_number(block[483:495]))

    def _stored_map(self) -> list[tuple[int, int]]:
        """Sparse version 1.0: decimal numbers, each on a line, before the content and padded to a block."""
        text = b""
        count = -1
        while count < 0 or text.count(b"\n") < 2 * count + 1:
            if self._left < BLOCK or len(text) > MAX_SPECIAL:
                raise CorruptData(f"{shown(self._name)} is a sparse file whose map is cut short or too long")
            text += self._take(BLOCK)
            self._left -= BLOCK
            if count < 0 and b"\n" in text:
                count = pax.parse_integer(text.split(b"\n", 1)[0])
        numbers = [pax.parse_integer(line) for line in text.split(b"\n", 2 * count + 1)[1 : 2 * count + 1]]
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def _special(self) -> bytes:
        if self._left > MAX_SPECIAL:
            raise CorruptData(f"the archive holds an extended header of {self._left} bytes, more than {MAX_SPECIAL}")
        return b"".join(self.data())

    def _next_block(self) -> bytes | None:
        """The next header; None at the end: two null blocks, or the end of the stream where a header could begin."""
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        for _ in range(2):
            if self._at >= len(self._buffer) and not self._fill():
                return None
            if (block := self._take(BLOCK)) != NULL_BLOCK:
                return block
        return None

    def _skip(self, count: int) -> None:
        self._at += count
        while (beyond := self._at - len(self._buffer)) > 0:
            self._at = len(self._buffer)
            if not self._fill():
                raise CorruptData(f"the archive ends in the middle of {shown(self._name)}")
            self._at = beyond

    def _take(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count:
            if not self._fill():
                raise CorruptData(f"the archive is cut short after {shown(self._name)}")
        taken = self._buffer[self._at : self._at + count]
        self._at += count
        return taken

    def _fill(self) -> bool:
        """Read more behind what is left in the buffer; False at the end of the stream."""
        chunk = self._stream.read(CHUNK)
        self._read += len(chunk)
        rest = self._buffer[self._at :]
        self._buffer, self._at = rest + chunk if rest else chunk, 0
        return bool(chunk)
