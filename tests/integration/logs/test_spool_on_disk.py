"""The spool on real disks, with real processes: full disks, killed writers, rotation under a reader."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.log import LogQuery, LogRecord
from ck.kernel.linux.mount import mount, umount
from ck.kernel.spool import Writer, open_writer
from ck.kernel.spool.json_reader import JsonFileReader
from ck.kernel.spool.lines import Selection
from ck.kernel.spool.local_reader import LocalReader
from ck.kernel.spool.reader import Reader
from ck.kernel.testing.log import read_log
from ck.plugins.builtin import log_json_file, log_local

READERS: dict[str, type[Reader]] = {"local": LocalReader, "json-file": JsonFileReader}
FORMATS = pytest.mark.parametrize("format_name", READERS)
MAKERS = {**log_local.ck_register_log(), **log_json_file.ck_register_log()}


def lines_of(format_name: str, directory: Path, query: LogQuery | None = None) -> list[bytes]:
    records: list[LogRecord] = trio.run(read_log, MAKERS[format_name]({}), directory, query or LogQuery())
    return [record.line for record in records]


def drain(reader: Reader) -> list[bytes]:
    lines = []
    while groups := reader.read():
        lines += [line for group in groups for line in group.lines]
    return lines


def in_child(work: Callable[[], None]) -> int:
    """Run *work* in a forked process, as the shim is one; return its pid."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount("ck-small", str(path), "tmpfs", data="size=1m")
    yield path
    umount(str(path))


@pytest.mark.root
@FORMATS
def test_a_full_disk_drops_output_and_says_so(format_name: str, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 900_000)
    log = small_disk / "log"
    writer = open_writer(format_name, str(log), -1, 1)
    line = b"x" * 999 + b"\n"
    for _ in range(300):
        writer.write(1, line, time.time_ns())
    ballast.unlink()
    writer.write(1, b"space again\n", time.time_ns())
    writer.close()

    # Where a page had room for a notice, but not for the next line, there are more notices than one.
    lines = lines_of(format_name, log)
    lost = [int(line.split()[1]) for line in lines if line.startswith(b"[ck: ")]
    kept = lines.count(line)
    assert lost
    assert kept > 0
    assert len(lines) == kept + len(lost) + 1
    assert lines[-1] == b"space again\n"
    assert kept * len(line) + sum(lost) == 300 * len(line)
    assert lines_of(format_name, log, LogQuery(tail=2)) == lines[-2:]


@pytest.mark.root
@FORMATS
def test_a_disk_that_is_full_from_the_first_byte_on(format_name: str, small_disk: Path) -> None:
    log = small_disk / "log"
    writer = open_writer(format_name, str(log), 20_000, 3)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"\0" * 4096)
    for _ in range(5):
        writer.write(1, b"lost\n", time.time_ns())
    assert lines_of(format_name, log) == []
    ballast.unlink()
    writer.write(2, b"found\n", time.time_ns())
    writer.close()
    assert lines_of(format_name, log) == [b"[ck: 25 bytes of output lost: the log was not writable]\n", b"found\n"]


@FORMATS
def test_a_writer_killed_at_any_moment_leaves_a_readable_log(format_name: str, tmp_path: Path) -> None:
    """Each run goes on where the killed one ended; of each, a prefix is there, and nothing else."""

    def write_for_ever(run: int, write_end: int) -> None:
        writer = open_writer(format_name, str(tmp_path), 200_000, 1000)
        for number in range(1_000_000):
            writer.write(1, b"%d %d %s\n" % (run, number, b"." * (number % 3000)), time.time_ns())
            os.write(write_end, b".")

    for run in range(5):
        read_end, write_end = os.pipe()
        pid = in_child(partial(write_for_ever, run, write_end))
        for _ in range(20 * (run + 1)):
            os.read(read_end, 1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read_end)
        os.close(write_end)
    writer = open_writer(format_name, str(tmp_path), 200_000, 1000)
    writer.write(1, b"after all\n", time.time_ns())
    writer.close()

    *lines, last = lines_of(format_name, tmp_path)
    assert last == b"after all\n"
    runs = [[line for line in lines if line.startswith(b"%d " % run)] for run in range(5)]
    assert [line for run in runs for line in run] == lines
    for run, written in enumerate(runs):
        assert len(written) >= 20 * (run + 1)
        assert written == [b"%d %d %s\n" % (run, number, b"." * (number % 3000)) for number in range(len(written))]


@FORMATS
def test_a_follower_keeps_up_with_a_writer_that_rotates(format_name: str, tmp_path: Path) -> None:
    """The follower lives in another process than the writer, as in the engine; only files connect them."""
    count = 20_000

    def write_all() -> None:
        writer = open_writer(format_name, str(tmp_path / "log"), 100_000, 1000)
        for number in range(count):
            writer.write(1, b"line %d\n" % number, time.time_ns())
        writer.close()

    async def main() -> list[bytes]:
        driver, ended = MAKERS[format_name]({}), trio.Event()
        lines: list[bytes] = []

        async def follow() -> None:
            async for batch in driver.read(tmp_path / "log", LogQuery(follow=True), ended):
                lines.extend(record.line for record in batch)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            pid = in_child(write_all)
            _, status = await trio.to_thread.run_sync(os.waitpid, pid, 0)
            assert status == 0
            ended.set()
        return lines

    assert trio.run(main) == [b"line %d\n" % number for number in range(count)]


def write_numbers(writer: Writer, numbers: range) -> None:
    for number in numbers:
        writer.write(1, b"line %04d\n" % number, time.time_ns())


@FORMATS
def test_rotation_takes_nothing_from_a_reader(format_name: str, tmp_path: Path) -> None:
    writer = open_writer(format_name, str(tmp_path), 10_000, 4)
    write_numbers(writer, range(400))
    wanted = lines_of(format_name, tmp_path)
    reader = READERS[format_name](str(tmp_path), Selection(), follow=False)
    write_numbers(writer, range(400, 9000))
    assert drain(reader) == wanted
    reader.close()
    writer.close()


@FORMATS
def test_a_follower_that_rotation_overtakes_is_told(format_name: str, tmp_path: Path) -> None:
    writer = open_writer(format_name, str(tmp_path), 10_000, 2)
    write_numbers(writer, range(20))
    reader = READERS[format_name](str(tmp_path), Selection(), follow=True)
    assert drain(reader) == [b"line %04d\n" % number for number in range(20)]
    write_numbers(writer, range(20, 2000))
    lines = drain(reader)
    reader.close()
    writer.close()
    notices = [line for line in lines if line.startswith(b"[ck: ")]
    numbers = [int(line.split()[1]) for line in lines if line not in notices]
    gap = next(place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1] + 1)
    missed = numbers[gap] - numbers[gap - 1] - 1
    assert len(notices) == 1
    assert lines.index(notices[0]) == gap
    assert numbers[-1] == 1999
    if format_name == "local":
        assert notices == [b"[ck: %d lines were rotated away before they were read]\n" % missed]


def test_a_json_file_of_docker_is_readable(tmp_path: Path) -> None:
    (tmp_path / "container-json.log.1").write_text('{"log":"old\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n')
    (tmp_path / "container-json.log").write_text(
        '{"log":"caf\\u00e9 \\u003c\\n","stream":"stderr","attrs":{},"time":"2026-01-02T03:04:05.123456789Z"}\n'
        '{"stream":"stdout","time":"2026-01-02T03:04:05.5+02:00"}\n'
        "garbage\n"
        '{"log":"last","stream":"stdout","time":"2026-01-02T03:04:06Z"}\n'
    )
    assert lines_of("json-file", tmp_path) == [b"old\n", "café <\n".encode(), b"last"]
