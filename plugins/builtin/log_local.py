"""The log driver `local`: a compact log, indexed by time and by line, that only ck reads. The default."""

from collections.abc import Callable, Mapping
from typing import Final

from ck.kernel.drivers.log import LogDriver, LogSink
from ck.kernel.drivers.spooled_log import SpooledLog
from ck.kernel.hookspecs import Options, hookimpl
from ck.kernel.spool.local_reader import LocalReader

DEFAULTS: Final = LogSink(format="local", max_size=20_000_000, max_files=5)


@hookimpl
def ck_register_log() -> Mapping[str, Callable[[Options], LogDriver]]:
    """Offer `local`. Its config options are those of `--log-opt`: max-size, max-file, compress."""
    return {"local": lambda options: SpooledLog("local", options, DEFAULTS, LocalReader)}
