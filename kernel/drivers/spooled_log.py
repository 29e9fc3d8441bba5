"""A log driver over ck.kernel.spool: all that the drivers of its formats share."""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.drivers.log import LogQuery, LogRecord, LogSink, OutputEnded, Stream
from ck.kernel.errors import InvalidArgument
from ck.kernel.linux.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify
from ck.kernel.spool.lines import Lines, Selection
from ck.kernel.spool.reader import Reader

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE: Final = re.compile(r"(\d+)\s*([kmgt]?)b?", re.IGNORECASE)
_TRUE: Final = frozenset({"true", "t", "1"})
_FALSE: Final = frozenset({"false", "f", "0"})
_STREAMS: Final = {stream.value: stream for stream in Stream}


def parse_sink(driver: str, options: Mapping[str, object], defaults: LogSink) -> LogSink:
    """Apply Docker's options `max-size` ("20m", decimal units), `max-file` and `compress` to *defaults*. Pure.

    Raises: InvalidArgument, naming the option that is not known or does not parse.
    """
    sink = defaults
    for option, value in options.items():
        text = str(value).strip()
        if option == "max-size":
            sink = attrs.evolve(sink, max_size=_size(text))
        elif option == "max-file":
            if not text.isdecimal() or int(text) < 1:
                raise InvalidArgument(f"log option max-file must be a whole number from 1 on, not {text!r}")
            sink = attrs.evolve(sink, max_files=int(text))
        elif option == "compress":
            sink = attrs.evolve(sink, format=_compressed(driver, text))
        else:
            raise InvalidArgument(f"unknown log option {option!r} for the {driver} log driver")
    if sink.max_size < 0 and sink.max_files > 1:
        raise InvalidArgument("log option max-file needs max-size: without it nothing is rotated")
    return sink


def _compressed(driver: str, text: str) -> str:
    """The format that the option `compress` asks for."""
    if text.lower() in _FALSE:
        return driver
    if text.lower() not in _TRUE:
        raise InvalidArgument(f"log option compress must be true or false, not {text!r}")
    if driver != "local":
        raise InvalidArgument(f"log option compress={text} is not possible: {driver} keeps its files uncompressed")
    return "local-zlib"


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _UNITS[match[2].lower()] if match else 0
    if size < 1:
        raise InvalidArgument(f"log option max-size must be a positive size such as 20m, not {text!r}")
    return size


class SpooledLog:
    """LogDriver for one format of ck.kernel.spool and its *reader*; subclasses say which file `inspect` shows."""

    def __init__(self, name: str, options: Mapping[str, object], defaults: LogSink, reader: type[Reader]) -> None:
        self.name = name
        self._reader = reader
        self._defaults = parse_sink(name, options, defaults)

    def sink(self, options: Mapping[str, str]) -> LogSink:
        """See LogDriver."""
        return parse_sink(self.name, options, self._defaults)

    def path(self, directory: Path) -> Path | None:
        """See LogDriver."""
        del directory  # no one file is the log
        return None

    async def read(self, directory: Path, query: LogQuery, ended: OutputEnded) -> AsyncIterator[list[LogRecord]]:
        """See LogDriver. Raises: OSError."""
        watcher: Inotify | None = None
        reader: Reader | None = None
        try:
            if query.follow:
                # Watched before it is read, so that no change falls between.
                watcher = await trio.to_thread.run_sync(_watch, directory)
            reader = await trio.to_thread.run_sync(self._open, directory, query)
            while True:
                # Asked before reading: what was written until then is read yet.
                over = watcher is None or ended.is_set() or _seconds_left(query) == 0
                records = await trio.to_thread.run_sync(_records, reader.read)
                if records:
                    yield records
                elif reader.past_until:
                    return
                elif over or watcher is None:
                    break
                else:
                    await _change(watcher, ended, _seconds_left(query))
            records = await trio.to_thread.run_sync(_records, reader.finish)
            if records:
                yield records
        finally:
            for held in (watcher, reader):
                if held is not None:
                    held.close()

    def _open(self, directory: Path, query: LogQuery) -> Reader:
        streams = (Stream.STDOUT if query.stdout else 0) | (Stream.STDERR if query.stderr else 0)
        selection = Selection(query.tail, query.since_ns, query.until_ns, streams)
        return self._reader(str(directory), selection, follow=query.follow)


def _watch(directory: Path) -> Inotify:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    watcher = Inotify()
    try:
        watcher.watch(directory, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
    except OSError:
        watcher.close()
        raise
    return watcher


def _records(source: Callable[[], list[Lines]]) -> list[LogRecord]:
    return [
        LogRecord(time_ns, stream, line)
        for time_ns, stream, lines in ((group.time_ns, _STREAMS[group.stream], group.lines) for group in source())
        for line in lines
    ]


def _seconds_left(query: LogQuery) -> float:
    """Until the time from which on no line is selected."""
    if query.until_ns is None:
        return float("inf")
    return max(query.until_ns - time.time_ns(), 0) / 1e9


async def _change(watcher: Inotify, ended: OutputEnded, seconds: float) -> None:
    """Wait until a file of the log changed, the output ended, or *seconds* passed."""

    async def wait_ended() -> None:
        await ended.wait()
        nursery.cancel_scope.cancel()

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_ended)
            await trio.lowlevel.wait_readable(watcher)
            nursery.cancel_scope.cancel()
    watcher.read()
