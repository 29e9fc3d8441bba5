"""`ck network disconnect`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, switch

COMMAND = Command(
    "NETWORK CONTAINER",
    "Disconnect a container from a network",
    (switch("force", "Force the container to disconnect from a network", "f"),),
    minimum=2,
    maximum=2,
    completes=("network", "container"),
)


def run(args: Args, client: Client) -> int:
    """Disconnect it."""
    network, container = args.words
    client.post(f"/networks/{name(network)}/disconnect", {"Container": container, "Force": args.on("force")})
    return 0
