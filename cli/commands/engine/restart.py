"""`ck engine restart`."""

from __future__ import annotations

import time

from ck.cli.client.api import Client
from ck.cli.errors import CliError, ConnectionFailed
from ck.cli.flags import Args, Command

COMMAND = Command("", "Put a new engine in the place of the one that runs; containers run on")

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02


def run(args: Args, client: Client) -> int:
    """Return when the new engine answers. Raises: CliError if none does."""
    del args
    client.autostart = False
    before = client.post("/ck/engine/restart")["Instance"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if client.get("/ck/engine")["Instance"] != before:
                return 0
        except ConnectionFailed:
            pass  # the old one has hung up
        time.sleep(PAUSE_SECONDS)
    raise CliError(f"no new engine answered within {PATIENCE_SECONDS:g} seconds; its log may say why")
