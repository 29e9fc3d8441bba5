"""`ck diff`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command

COMMAND = Command(
    "CONTAINER",
    "Inspect changes to files or directories on a container's filesystem",
    minimum=1,
    maximum=1,
    completes=("container",),
)

KINDS = "CAD"  # changed, added, deleted: ChangeType 0, 1, 2


def run(args: Args, client: Client) -> int:
    """Print one letter and path for each change."""
    for change in client.get(f"/containers/{name(args.words[0])}/changes") or ():
        print(KINDS[change["Kind"]], change["Path"])
    return 0
