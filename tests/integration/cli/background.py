"""`ck` processes that run beside a test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.daemon import Daemon


@contextmanager
def background(daemon: Daemon, *arguments: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """`ck` with pipes. At the end of the block it is killed, so that a failed test does not wait for ever."""
    with daemon.popen(*arguments, env=env) as process:
        try:
            yield process
        finally:
            process.kill()
