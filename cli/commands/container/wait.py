"""`ck wait`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.commands.container._waiter import ExitWaiter
from ck.cli.errors import ApiError
from ck.cli.flags import Args, Command

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    minimum=1,
    maximum=None,
    completes=("running",),
)


def run(args: Args, client: Client) -> int:
    """Print the exit code of each container, in the order given."""
    code = 0
    for container in args.words:
        try:
            waiter = ExitWaiter(client, container, "not-running")
            waiter.wait()
            print(waiter.code(), flush=True)
        except ApiError as error:
            sys.stderr.write(f"ck: {error}\n")
            code = 1
    return code
