"""`ck logout`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.credentials import erase, server_of
from ck.cli.flags import Args, Command

COMMAND = Command("[SERVER]", "Log out from a registry.\nDefaults to Docker Hub if no server is specified.", maximum=1)


def run(args: Args, client: Client) -> int:
    """Forget the credentials for a registry."""
    server = server_of(args.words[0] if args.words else "")
    print(f"Removing login credentials for {server}" if erase(server) else f"Not logged in to {server}")
    return 0
