"""`ck rename`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command

COMMAND = Command("CONTAINER NEW_NAME", "Rename a container", minimum=2, maximum=2, completes=("container", ""))


def run(args: Args, client: Client) -> int:
    """Give a container another name."""
    old, new = args.words
    if not new.strip():
        raise CliError("the new name of a container may not be empty")
    client.post(f"/containers/{name(old)}/rename", name=new)
    return 0
