"""What every log driver must do."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.log import LogDriver, LogQuery, LogRecord, LogSink, Stream
from ck.kernel.errors import InvalidArgument
from ck.kernel.spool import Writer, open_writer

WriterFactory = Callable[[LogSink, Path], Writer]

TIME_NS: Final = 1_700_000_000_123_456_789
SECOND_NS: Final = 1_000_000_000
FOLLOW_SECONDS: Final = 10.0
LONG: Final = b"x" * 16384


def spool_writer(sink: LogSink, directory: Path) -> Writer:
    """The writer that the native runtime's shim uses."""
    return open_writer(sink.format, str(directory), sink.max_size, sink.max_files)


async def check_log_driver(driver: LogDriver, directory: Path, writer: WriterFactory = spool_writer) -> None:
    """Check a driver that keeps what is written. *directory* must not exist yet; a test makes what it needs in it.

    Raises: AssertionError with a sentence that says what is wrong.
    """
    assert isinstance(driver, LogDriver), f"{driver!r} lacks methods of LogDriver"
    try:
        driver.sink({"ck-no-such-option": "1"})
    except InvalidArgument as error:
        assert "ck-no-such-option" in str(error), f"the error does not name the unknown option: {error}"
    else:
        raise AssertionError("an unknown option is not refused")
    assert driver.sink({}) == driver.sink({}), "sink is not pure"
    await _check_empty(driver, directory / "empty")
    await _check_lines(driver, directory / "lines", writer)
    await _check_rotation(driver, directory / "rotation", writer)
    await _check_follow(driver, directory / "follow", writer)


async def read_log(driver: LogDriver, directory: Path, query: LogQuery) -> list[LogRecord]:
    """All that *query* selects in a log that is not written any more."""
    ended = trio.Event()
    ended.set()
    return [record async for batch in driver.read(directory, query, ended) for record in batch]


async def _check_empty(driver: LogDriver, directory: Path) -> None:
    assert not await read_log(driver, directory, LogQuery()), "a log that nobody wrote has lines"
    assert not await read_log(driver, directory, LogQuery(follow=True)), "a follower of an ended empty log gets lines"


async def _check_lines(driver: LogDriver, directory: Path, writer: WriterFactory) -> None:
    log = writer(driver.sink({}), directory)
    second = TIME_NS + SECOND_NS
    log.write(1, b"one\ntw", TIME_NS)
    log.write(2, b"error\n", TIME_NS)
    log.write(1, b"o\n", second)
    log.write(1, LONG + b"\n", second)
    log.write(1, b"no newline", second)
    log.close()
    lines = [
        LogRecord(TIME_NS, Stream.STDOUT, b"one\n"),
        LogRecord(TIME_NS, Stream.STDERR, b"error\n"),
        LogRecord(second, Stream.STDOUT, b"two\n"),
        LogRecord(second, Stream.STDOUT, LONG + b"\n"),
        LogRecord(second, Stream.STDOUT, b"no newline"),
    ]
    expected: Sequence[tuple[LogQuery, list[LogRecord]]] = (
        (LogQuery(), lines),
        (LogQuery(follow=True), lines),
        (LogQuery(tail=0), []),
        (LogQuery(tail=2), lines[-2:]),
        (LogQuery(tail=100), lines),
        (LogQuery(since_ns=second), lines[2:]),
        (LogQuery(since_ns=second, tail=1), lines[-1:]),
        (LogQuery(until_ns=second), lines[:2]),
        (LogQuery(until_ns=second, tail=1), lines[1:2]),
        (LogQuery(stdout=False), lines[1:2]),
        (LogQuery(stderr=False, tail=4), [lines[0], *lines[2:]]),
    )
    for query, wanted in expected:
        found = await read_log(driver, directory, query)
        assert found == wanted, f"{query} gives {found}, not {wanted}"


async def _check_rotation(driver: LogDriver, directory: Path, writer: WriterFactory) -> None:
    log = writer(driver.sink({"max-size": "10k", "max-file": "3"}), directory)
    lines = [b"line %d\n" % number for number in range(5000)]
    for line in lines:
        log.write(1, line, TIME_NS)
    log.close()
    found = [record.line for record in await read_log(driver, directory, LogQuery())]
    assert found, "rotation leaves nothing"
    assert found == lines[-len(found) :], "what rotation leaves is not the end of the log"
    size = await trio.to_thread.run_sync(_size, directory)
    assert size <= 3 * 10_000, f"the log takes {size} bytes, though it is limited to 3 files of 10000"
    tail = [record.line for record in await read_log(driver, directory, LogQuery(tail=20))]
    assert tail == lines[-20:], "the tail is not right across rotation"


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


async def _check_follow(driver: LogDriver, directory: Path, writer: WriterFactory) -> None:
    """Each line is awaited before the next is written, so that the follower can miss none of them."""
    ended = trio.Event()
    log = writer(driver.sink({"max-size": "10k", "max-file": "5"}), directory)
    log.write(1, b"before\n", TIME_NS)
    send, receive = trio.open_memory_channel[bytes](0)

    async def follow() -> None:
        async with send:
            async for batch in driver.read(directory, LogQuery(follow=True, tail=1), ended):
                for record in batch:
                    await send.send(record.line)

    with trio.move_on_after(FOLLOW_SECONDS) as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            assert await receive.receive() == b"before\n", "a follower does not begin with the tail"
            for number in range(300):
                line = b"line %d %s\n" % (number, b"." * 100)
                log.write(1, line, TIME_NS)
                found = await receive.receive()
                assert found == line, f"a follower gets {found!r} where {line!r} was written"
            log.write(1, b"the rest", TIME_NS)
            log.close()
            ended.set()
            assert await receive.receive() == b"the rest", "a follower does not get what has no newline at the end"
            assert not [line async for line in receive], "a follower gets a line twice"
    assert not patience.cancelled_caught, f"a follower waits {FOLLOW_SECONDS:g} s for a line that was written"
