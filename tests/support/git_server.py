"""A real server of git repositories on a free loopback port, for as long as a `with` block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.registry import free_port


@contextmanager
def git_server(directory: Path) -> Iterator[str]:
    """Serve the repositories in *directory*; what a URL of theirs begins with."""
    programs = subprocess.check_output(["git", "--exec-path"], text=True).strip()
    port = free_port()
    command = [f"{programs}/git-daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={directory}"]
    options = ["--export-all", "--verbose", "--log-destination=stderr", "--informative-errors"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            for line in server.stderr:
                if "Ready to rumble" in line:
                    break
            yield f"git://127.0.0.1:{port}"
        finally:
            server.terminate()
