"""`ck volume rm`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command, switch

COMMAND = Command(
    "VOLUME [VOLUME...]",
    "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    (switch("force", "Force the removal of one or more volumes", "f"),),
    minimum=1,
    maximum=None,
    completes=("volume",),
)


def run(args: Args, client: Client) -> int:
    """Remove each volume."""
    force = args.on("force")
    return for_each(args.words, lambda each: client.delete(f"/volumes/{name(each)}", force=force))
