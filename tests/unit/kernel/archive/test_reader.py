"""The reader against Python's tarfile and against itself: whatever those write, it reads."""

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.pack import encode
from ck.kernel.archive.reader import MAX_SPECIAL, TarReader
from ck.kernel.errors import CorruptData

names = st.text(st.characters(exclude_characters="\0/\n", exclude_categories=["Cs"]), min_size=1, max_size=150).filter(
    lambda name: name not in (".", "..")
)
contents = st.binary(max_size=1500)


def read(data: bytes) -> list[tuple[Entry, bytes]]:
    reader = TarReader(io.BytesIO(data))
    return [(entry, b"".join(reader.data())) for entry in reader]


@given(
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.lists(st.tuples(names, contents, st.integers(0, 0o7777), st.integers(0, 2**21)), max_size=4),
)
def test_reads_what_tarfile_writes(tar_format: int, files: list[tuple[str, bytes, int, int]]) -> None:
    buffer = io.BytesIO()
    expected = []
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name, content, mode, uid in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), mode, min(uid, 0o7777777)
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:
                continue  # ustar has no room for every name
            expected.append((name.encode(), content, mode, info.uid))
    assert [(e.name, content, e.mode, e.uid) for e, content in read(buffer.getvalue())] == expected


@given(
    st.builds(
        Entry,
        name=names.map(str.encode),
        kind=st.sampled_from([Kind.SYMLINK, Kind.FIFO, Kind.CHARACTER_DEVICE]),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 2**32 - 2),
        gid=st.integers(0, 2**32 - 2),
        mtime_ns=st.integers(-(10**18), 10**19),
        link=names.map(str.encode),
        major=st.integers(0, 4095),
        minor=st.integers(0, 2**20 - 1),
        xattrs=st.none() | st.dictionaries(st.sampled_from([b"user.a", b"security.b"]), st.binary(), min_size=1),
    )
)
def test_reads_what_pack_writes(entry: Entry) -> None:
    if entry.mtime_ns > 2**63 - 1:
        with pytest.raises(CorruptData):
            read(encode(entry))
        return
    if entry.kind is not Kind.CHARACTER_DEVICE:
        entry.major = entry.minor = 0
    entry.xattrs = {key: value for key, value in (entry.xattrs or {}).items() if value} or None  # "" deletes a record
    [(found, content)] = read(encode(entry))
    assert (found, content) == (entry, b"")


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, self._step))


@given(st.integers(1, 700), st.lists(contents, min_size=1, max_size=3))
def test_short_reads_change_nothing(step: int, files: list[bytes]) -> None:
    data = b"".join(pack_files(files))
    reader = TarReader(Dribble(data, step))
    assert [b"".join(reader.data()) for _ in reader] == files


@given(st.lists(contents, min_size=1, max_size=3), st.data())
def test_an_archive_cut_anywhere_is_noticed_or_ends_between_entries(files: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pack_files(files))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        found = [content for _, content in read(whole[:cut])]
    except CorruptData:
        return
    assert found == files[: len(found)]


def test_content_that_nobody_reads_is_skipped() -> None:
    reader = TarReader(io.BytesIO(b"".join(pack_files([b"x" * 5000, b"y"]))))
    assert [entry.size for entry in reader] == [5000, 1]


def test_a_header_may_not_announce_more_than_it_should() -> None:
    body = Entry(b"x", stored=MAX_SPECIAL + 1)
    from ck.kernel.archive.header import build_header

    with pytest.raises(CorruptData, match="extended header"):
        read(build_header(b"x", body) + bytes(1024))


@pytest.mark.parametrize("data", [b"not a tar at all".ljust(512, b"!"), b"\0" * 100, b"\xff" * 512], ids=len)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptData):
        read(data)


@pytest.mark.parametrize("data", [b"", bytes(512), bytes(1024), bytes(10240)], ids=len)
def test_an_empty_archive_is_one(data: bytes) -> None:
    assert read(data) == []


def pack_files(files: list[bytes]) -> Iterator[bytes]:
    for number, content in enumerate(files):
        yield encode(Entry(b"f%d" % number, size=len(content), stored=len(content)))
        yield content + bytes(-len(content) % 512)
    yield bytes(1024)
