"""`ck tag`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command

COMMAND = Command(
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    minimum=2,
    maximum=2,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Give an image a further name."""
    source, target = args.words
    client.post(f"/images/{name(source)}/tag", repo=target)
    return 0
