"""The same archive with other times, so that the same files give the same bytes whenever they were made."""

from collections.abc import Iterator

from ck.kernel.archive.entry import Kind
from ck.kernel.archive.header import END, padding
from ck.kernel.archive.pack import encode
from ck.kernel.archive.reader import Readable, TarReader


def retimed(stream: Readable, newest_ns: int) -> Iterator[bytes | memoryview]:
    """The tar *stream*, in chunks of at most 1 MiB, in which nothing is newer than *newest_ns*. For archives without
    sparse files, such as `pack` and `diff` write. Raises: CorruptData."""
    reader = TarReader(stream)
    for entry in reader:
        entry.mtime_ns = min(entry.mtime_ns, newest_ns)
        if entry.kind is Kind.DIRECTORY:
            entry.name += b"/"
        yield encode(entry)
        yield from reader.data()
        if padding(entry.stored):
            yield bytes(padding(entry.stored))
    yield END
