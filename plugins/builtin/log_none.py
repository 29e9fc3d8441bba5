"""The log driver `none`: nothing is kept."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from ck.kernel.drivers.log import LogDriver, LogQuery, LogRecord, LogSink, OutputEnded
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.kernel.hookspecs import Options, hookimpl


class NoneLog:
    """See LogDriver."""

    name = "none"

    def __init__(self, options: Options) -> None:
        _refuse(options)

    def sink(self, options: Mapping[str, str]) -> LogSink:
        """See LogDriver."""
        _refuse(options)
        return LogSink(format="none", max_size=-1, max_files=1)

    def path(self, directory: Path) -> Path | None:
        """See LogDriver."""
        del directory  # nothing is in it
        return None

    async def read(self, directory: Path, query: LogQuery, ended: OutputEnded) -> AsyncIterator[list[LogRecord]]:
        """See LogDriver."""
        del directory, query, ended
        raise Unsupported("the log driver none keeps no logs to read")
        yield  # what makes this an iterator, like the others


def _refuse(options: Mapping[str, object]) -> None:
    for option in options:
        raise InvalidArgument(f"unknown log option {option!r} for the none log driver")


@hookimpl
def ck_register_log() -> Mapping[str, Callable[[Options], LogDriver]]:
    """Offer `none`. It has no options."""
    return {"none": NoneLog}
