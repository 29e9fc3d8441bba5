"""`ck network rm`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command, switch

COMMAND = Command(
    "NETWORK [NETWORK...]",
    "Remove one or more networks",
    (switch("force", "Do not error if the network does not exist", "f"),),
    minimum=1,
    maximum=None,
    completes=("network",),
)


def run(args: Args, client: Client) -> int:
    """Remove each network."""
    return for_each(args.words, lambda each: client.delete(f"/networks/{name(each)}"), forgive_missing=args.on("force"))
