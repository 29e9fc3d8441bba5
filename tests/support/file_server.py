"""A server of files by HTTP on a free loopback port, for as long as a `with` block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_server(directory: Path) -> Iterator[str]:
    """Serve *directory* by HTTP at 127.0.0.1 while the block runs; the port."""
    with subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(directory)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split(" port ")[1].split()[0]
        finally:
            server.kill()
