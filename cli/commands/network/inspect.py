"""`ck network inspect`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._inspect import inspect_each
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP

COMMAND = Command(
    "NETWORK [NETWORK...]",
    "Display detailed information on one or more networks",
    (
        text("format", INSPECT_FORMAT_HELP, "f"),
        switch("verbose", "Verbose output for diagnostics", "v"),
    ),
    minimum=1,
    maximum=None,
    completes=("network",),
)


def run(args: Args, client: Client) -> int:
    """Print the API's record of each network."""
    verbose = args.on("verbose")
    return inspect_each(args, lambda each: client.get(f"/networks/{name(each)}", verbose=verbose))
