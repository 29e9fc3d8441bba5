"""`ck create`."""

from __future__ import annotations

import os

from ck.cli.client.api import Client
from ck.cli.commands.container._body import create_body
from ck.cli.commands.container._create import create
from ck.cli.commands.container._flags import CREATE_FLAGS
from ck.cli.flags import Args, Command

COMMAND = Command(
    "IMAGE [COMMAND] [ARG...]",
    "Create a new container",
    CREATE_FLAGS,
    minimum=1,
    maximum=None,
    interspersed=False,
    completes=("image", ""),
)


def run(args: Args, client: Client) -> int:
    """Create a container and print its ID."""
    body = create_body(args)
    if body["Tty"] and os.isatty(1):
        from ck.cli.terminal.tty import size

        body["HostConfig"]["ConsoleSize"] = list(size(1))
    print(create(client, args, body))
    return 0
