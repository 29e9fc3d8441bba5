"""The log driver `json-file`: Docker's format on disk, for the tools that read it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ck.kernel.drivers.log import LogDriver, LogSink
from ck.kernel.drivers.spooled_log import SpooledLog
from ck.kernel.hookspecs import Options, hookimpl
from ck.kernel.spool.json_files import current_path
from ck.kernel.spool.json_reader import JsonFileReader

DEFAULTS: Final = LogSink(format="json-file", max_size=-1, max_files=1)


class JsonFileLog(SpooledLog):
    """See LogDriver."""

    def __init__(self, options: Options) -> None:
        super().__init__("json-file", options, DEFAULTS, JsonFileReader)

    def path(self, directory: Path) -> Path | None:
        """See LogDriver."""
        return Path(current_path(str(directory)))


@hookimpl
def ck_register_log() -> Mapping[str, Callable[[Options], LogDriver]]:
    """Offer `json-file`. Its config options are those of `--log-opt`: max-size, max-file."""
    return {"json-file": JsonFileLog}
