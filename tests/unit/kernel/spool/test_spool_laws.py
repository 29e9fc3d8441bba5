"""The laws of both formats: what is read is what was written, whatever the chunks, the rotation and the moment."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ck.kernel.spool import Writer, open_writer
from ck.kernel.spool.json_reader import JsonFileReader
from ck.kernel.spool.lines import Lines, Selection
from ck.kernel.spool.local_frame import BLOCK
from ck.kernel.spool.local_reader import LocalReader
from ck.kernel.spool.local_writer import LocalWriter
from ck.kernel.spool.reader import Reader

Record = tuple[int, int, bytes]
Chunk = tuple[int, bytes, int]

# json-file holds text: what is not UTF-8 is replaced, which test_json_encode looks at.
TEXT = st.text(alphabet='ab\n\n\r\t"\\<&\x00\x7f\x85é\u2028😀', min_size=1, max_size=12).map(str.encode)
LARGE = st.tuples(TEXT, st.sampled_from([1, 300, 5_000, 9_000])).map(lambda pair: pair[0] * pair[1])
OUTPUT = st.one_of(TEXT, LARGE)
# Pieces of one long line are put together again only where no entry of the other stream came between.
TAME = st.one_of(TEXT, LARGE.map(lambda output: output + b"\n"))
READERS: dict[str, type[Reader]] = {"local": LocalReader, "local-zlib": LocalReader, "json-file": JsonFileReader}
FORMATS = pytest.mark.parametrize("format_name", READERS)
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


EVERYTHING = Selection()


@st.composite
def chunk_lists(draw: st.DrawFn, output: st.SearchStrategy[bytes] = TAME) -> list[Chunk]:
    """Chunks of two streams, in time."""
    time_ns = 1_000_000_000_000_000_000
    chunks = []
    for stream, content, later in draw(
        st.lists(st.tuples(st.sampled_from([1, 2]), output, st.integers(0, 3)), max_size=12)
    ):
        time_ns += later
        chunks.append((stream, content, time_ns))
    return chunks


def model(chunks: list[Chunk], *, unfinished: bool = True) -> list[Record]:
    """What a reader must give: lines in the order in which they end, at the time at which they end."""
    rest = {1: b"", 2: b""}
    records: list[Record] = []
    for stream, content, time_ns in chunks:
        *lines, rest[stream] = (rest[stream] + content).split(b"\n")
        records += [(time_ns, stream, line + b"\n") for line in lines]
    if unfinished:
        records += [(chunks[-1][2], stream, line) for stream, line in rest.items() if line]
    return records


def write(writer: Writer, chunks: list[Chunk]) -> None:
    for stream, content, time_ns in chunks:
        writer.write(stream, content, time_ns)


def flat(groups: list[Lines]) -> list[Record]:
    return [(group.time_ns, group.stream, line) for group in groups for line in group.lines]


def read_on(reader: Reader) -> list[Record]:
    records = []
    while groups := reader.read():
        records += flat(groups)
    return records


def start(format_name: str, directory: str, max_size: int, max_files: int = 100_000) -> Writer:
    # json-file needs more room for the same, and each of its rotations renames all of its files.
    return open_writer(format_name, directory, max_size if format_name != "json-file" else max_size * 20, max_files)


def read_all(format_name: str, directory: str, selection: Selection = EVERYTHING) -> list[Record]:
    reader = READERS[format_name](directory, selection, follow=False)
    records = [*read_on(reader), *flat(reader.finish())]
    reader.close()
    return records


@contextmanager
def scratch() -> Iterator[str]:
    """A directory for one example: tmp_path is one for all of them."""
    directory = tempfile.mkdtemp(prefix="ck-spool-", dir="/dev/shm")
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@FORMATS
@LAW
@given(chunks=chunk_lists(), max_size=st.sampled_from([1024, 5000, 70_000, -1]), closed=st.booleans())
def test_lines_read_are_the_lines_written(format_name: str, chunks: list[Chunk], max_size: int, closed: bool) -> None:
    with scratch() as directory:
        writer = start(format_name, directory, max_size)
        write(writer, chunks)
        if closed:
            writer.close()
        # json-file writes a line when it has ended, so only a closed log has the unfinished ones.
        assert read_all(format_name, directory) == model(chunks, unfinished=closed or format_name != "json-file")
        writer.close()


@FORMATS
@LAW
@given(
    chunks=chunk_lists(),
    max_size=st.sampled_from([1024, 70_000, -1]),
    tail=st.one_of(st.none(), st.integers(0, 30), st.integers(0, 5_000)),
    since=st.one_of(st.none(), st.integers(0, 40)),
    until=st.one_of(st.none(), st.integers(0, 40)),
    streams=st.sampled_from([1, 2, 3]),
)
def test_a_selection_is_what_a_filter_of_all_lines_gives(
    format_name: str,
    chunks: list[Chunk],
    max_size: int,
    tail: int | None,
    since: int | None,
    until: int | None,
    streams: int,
) -> None:
    origin = 1_000_000_000_000_000_000
    selection = Selection(
        tail=tail,
        since_ns=None if since is None else origin + since,
        until_ns=None if until is None else origin + until,
        streams=streams,
    )
    wanted = [record for record in model(chunks) if record[1] & streams and selection.in_time(record[0])]
    with scratch() as directory:
        writer = start(format_name, directory, max_size)
        write(writer, chunks)
        writer.close()
        assert read_all(format_name, directory, selection) == (
            wanted if tail is None else wanted[max(len(wanted) - tail, 0) :]
        )


@FORMATS
@LAW
@given(
    before=chunk_lists(TEXT),
    after=chunk_lists(),
    max_size=st.sampled_from([1024, 70_000, -1]),
    tail=st.one_of(st.none(), st.integers(0, 20)),
    looks=st.sets(st.integers(0, 12)),
)
def test_a_follower_sees_the_tail_and_then_everything(
    format_name: str, before: list[Chunk], after: list[Chunk], max_size: int, tail: int | None, looks: set[int]
) -> None:
    with scratch() as directory:
        writer = start(format_name, directory, max_size)
        write(writer, before)
        reader = READERS[format_name](directory, Selection(tail=tail), follow=True)
        seen = []
        for number, chunk in enumerate(after):
            if number in looks:
                seen += read_on(reader)
            write(writer, [chunk])
        writer.close()
        seen += [*read_on(reader), *flat(reader.finish())]
        reader.close()
        present = len(model(before, unfinished=False))
        dropped = 0 if tail is None else max(present - tail, 0)
        # A line that ends with the run has the time of the last chunk.
        assert seen == model([*before, *after])[dropped:]


@FORMATS
@LAW
@given(runs=st.lists(chunk_lists(TEXT), min_size=1, max_size=4), max_size=st.sampled_from([1024, -1]))
def test_a_line_never_goes_on_in_the_next_run(format_name: str, runs: list[list[Chunk]], max_size: int) -> None:
    with scratch() as directory:
        for chunks in runs:
            writer = start(format_name, directory, max_size)
            write(writer, chunks)
            writer.close()
        assert read_all(format_name, directory) == [record for chunks in runs for record in model(chunks)]


@FORMATS
@LAW
@given(chunks=chunk_lists(), max_size=st.sampled_from([1024, 5000]), max_files=st.integers(1, 4))
def test_rotation_keeps_the_newest(format_name: str, chunks: list[Chunk], max_size: int, max_files: int) -> None:
    with scratch() as directory:
        writer = start(format_name, directory, max_size, max_files)
        write(writer, chunks)
        writer.close()
        assert len(os.listdir(directory)) <= max_files
        if format_name != "json-file":
            assert all(os.path.getsize(f"{directory}/{name}") <= max_size for name in os.listdir(directory))
        written, kept = model(chunks), read_all(format_name, directory)
        for stream in (1, 2):
            output = b"".join(record[2] for record in written if record[1] == stream)
            assert output.endswith(b"".join(record[2] for record in kept if record[1] == stream))
        # A line whose start was rotated away is first of its stream; all others are whole.
        starts = {next((number for number, record in enumerate(kept) if record[1] == stream), -1) for stream in (1, 2)}
        whole = [record for number, record in enumerate(kept) if number not in starts]
        assert set(whole) <= set(written)
        if format_name != "json-file":
            for tail in (0, 1, 5):
                records = read_all(format_name, directory, Selection(tail=tail))
                assert records == kept[len(kept) - len(records) :]
                assert tail - 2 <= len(records) <= tail or len(records) == len(kept)


@FORMATS
@LAW
@given(chunks=chunk_lists(TEXT), cut=st.floats(0, 1), more=chunk_lists(TEXT))
def test_a_torn_end_costs_only_itself(format_name: str, chunks: list[Chunk], cut: float, more: list[Chunk]) -> None:
    with scratch() as directory:
        writer = open_writer(format_name, directory, -1, 1)
        path = f"{directory}/{os.listdir(directory)[0]}"
        sizes = []
        for chunk in chunks:
            write(writer, [chunk])
            sizes.append(os.path.getsize(path))
        left = int(os.path.getsize(path) * cut)
        os.truncate(path, left)
        intact = [chunk for chunk, size in zip(chunks, sizes, strict=True) if size <= left]
        wanted = model(intact, unfinished=format_name != "json-file") if intact else []
        kept = read_all(format_name, directory)
        for stream in (1, 2):
            output = b"".join(record[2] for record in kept if record[1] == stream)
            assert output.startswith(b"".join(record[2] for record in wanted if record[1] == stream))
        # The dead writer never closed; the next one mends the end and goes on.
        resumed = open_writer(format_name, directory, -1, 1)
        write(resumed, more)
        resumed.close()
        assert read_all(format_name, directory) == [*kept, *(model(more) if more else [])]


@LAW
@given(chunks=chunk_lists(OUTPUT), line_max=st.sampled_from([BLOCK, 180_000]))
@example(chunks=[(1, b"a" * BLOCK, 1), (1, b"\n", 2)], line_max=BLOCK)
@example(chunks=[(1, b"a" * (3 * BLOCK), 1), (2, b"b", 2), (1, b"c" * BLOCK, 3)], line_max=BLOCK)
def test_a_line_without_end_is_cut(chunks: list[Chunk], line_max: int) -> None:
    with scratch() as directory:
        writer = LocalWriter(directory, -1, 1, line_max=line_max)
        write(writer, chunks)
        writer.close()
        for stream in (1, 2):
            pieces = [
                line[begin : begin + line_max]
                for _, source, line in model(chunks)
                if source == stream
                for begin in range(0, len(line), line_max)
            ]
            assert [record[2] for record in read_all("local", directory, Selection(streams=stream))] == pieces
            tail = read_all("local", directory, Selection(streams=stream, tail=2))
            assert [record[2] for record in tail] == pieces[-2:]


@LAW
@given(chunks=chunk_lists(st.one_of(OUTPUT, st.binary(min_size=1))), max_size=st.sampled_from([1024, 70_000, -1]))
def test_local_keeps_any_bytes_in_any_order(chunks: list[Chunk], max_size: int) -> None:
    with scratch() as directory:
        writer = start("local", directory, max_size)
        write(writer, chunks)
        assert read_all("local", directory) == model(chunks)
        writer.close()
        for tail in (0, 1, 7):
            wanted = model(chunks)
            assert read_all("local", directory, Selection(tail=tail)) == wanted[max(len(wanted) - tail, 0) :]


@LAW
@given(chunks=chunk_lists(OUTPUT), place=st.floats(0, 1), byte=st.integers(1, 255))
def test_damage_anywhere_stops_no_reader(chunks: list[Chunk], place: float, byte: int) -> None:
    with scratch() as directory:
        writer = open_writer("local", directory, 5000, 100)
        write(writer, chunks)
        writer.close()
        paths = sorted(f"{directory}/{name}" for name in os.listdir(directory))
        path = paths[int(place * (len(paths) - 1))]
        with open(path, "r+b") as file, suppress(IndexError):
            content = bytearray(file.read())
            content[int(place * (len(content) - 1))] ^= byte
            file.seek(0)
            file.write(content)
        written = model(chunks)
        kept = read_all("local", directory)
        assert all(early[0] <= late[0] for early, late in pairwise(kept))
        assert sum(len(record[2]) for record in kept) <= sum(len(record[2]) for record in written)
