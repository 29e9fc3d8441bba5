"""`ck kill`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command, text

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Kill one or more running containers",
    (text("signal", "Signal to send to the container", "s"),),
    minimum=1,
    maximum=None,
    completes=("running",),
)


def run(args: Args, client: Client) -> int:
    """Send a signal to each container."""
    signal = args.text("signal")
    return for_each(args.words, lambda each: client.post(f"/containers/{name(each)}/kill", signal=signal))
