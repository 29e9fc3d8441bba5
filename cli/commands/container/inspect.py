"""`ck container inspect`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._inspect import inspect_each
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Display detailed information on one or more containers",
    (
        text("format", INSPECT_FORMAT_HELP, "f"),
        switch("size", "Display total file sizes", "s"),
    ),
    minimum=1,
    maximum=None,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Print the API's record of each container."""
    size = args.on("size")
    return inspect_each(args, lambda each: client.get(f"/containers/{name(each)}/json", size=size))
