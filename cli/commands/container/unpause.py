"""`ck unpause`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Unpause all processes within one or more containers",
    minimum=1,
    maximum=None,
    completes=("running",),
)


def run(args: Args, client: Client) -> int:
    """Thaw each container."""
    return for_each(args.words, lambda each: client.post(f"/containers/{name(each)}/unpause"))
