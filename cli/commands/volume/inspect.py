"""`ck volume inspect`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._inspect import inspect_each
from ck.cli.flags import Args, Command, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP

COMMAND = Command(
    "VOLUME [VOLUME...]",
    "Display detailed information on one or more volumes",
    (text("format", INSPECT_FORMAT_HELP, "f"),),
    minimum=1,
    maximum=None,
    completes=("volume",),
)


def run(args: Args, client: Client) -> int:
    """Print the API's record of each volume."""
    return inspect_each(args, lambda each: client.get(f"/volumes/{name(each)}"))
