"""Log drivers: which format the shim writes, and how it is read back."""

import enum
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs


class Stream(enum.IntEnum):
    """As Docker's multiplexed stream numbers them (Docker Engine API, ContainerAttach)."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


@attrs.frozen(kw_only=True)
class LogSink:
    """What the shim writes to: one of the formats of ck.kernel.spool ("local", "local-zlib", "json-file", "none"),
    rotated at `max_size` bytes a file (-1: never), `max_files` files at the most."""

    format: str
    max_size: int
    max_files: int


@attrs.define
class LogRecord:
    """One line, with its newline if it had one. `time_ns` is UNIX time in nanoseconds.

    Not frozen, though nobody changes one: attrs makes these in a third of the time, and a log has millions.
    """

    time_ns: int
    stream: Stream
    line: bytes


@attrs.frozen(kw_only=True)
class LogQuery:
    """Which lines: the last `tail` (None: all) of those in [since_ns, until_ns); then, with `follow`, what comes
    until the container's output ends."""

    follow: bool = False
    tail: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    stdout: bool = True
    stderr: bool = True


class OutputEnded(Protocol):
    """Tells a follower that no more will be written: an awaitable event (trio.Event has this shape)."""

    def is_set(self) -> bool: ...
    async def wait(self) -> None: ...


@runtime_checkable
class LogDriver(Protocol):
    """Conformance: ck.kernel.testing.log."""

    name: str

    def sink(self, options: Mapping[str, str]) -> LogSink:
        """Check the container's log options and say what the shim shall write. Pure.

        Raises: InvalidArgument, naming an option that is not known or a value that does not parse.
        """

    def path(self, directory: Path) -> Path | None:
        """The file that `inspect` shows as LogPath, or None."""

    def read(self, directory: Path, query: LogQuery, ended: OutputEnded) -> AsyncIterator[list[LogRecord]]:
        """Lines in order, in batches, right across rotation. A follower ends once *ended* is set and all is read.

        Raises: Unsupported where this driver keeps nothing to read.
        """
