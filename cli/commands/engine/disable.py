"""`ck engine disable`."""

from __future__ import annotations

import os
from contextlib import suppress

from ck.cli.client.api import Client
from ck.cli.commands.engine._systemd import check_systemd, systemctl
from ck.cli.commands.engine._units import DIRECTORY, NAMES
from ck.cli.flags import Args, Command

COMMAND = Command("", "Have systemd start the engine no more; containers run on")


def run(args: Args, client: Client) -> int:
    """Stop and remove the units. Raises: CliError."""
    check_systemd()
    systemctl("disable", "--now", *NAMES)
    for name in NAMES:
        with suppress(FileNotFoundError):
            os.unlink(f"{DIRECTORY}/{name}")
    systemctl("daemon-reload")
    return 0
