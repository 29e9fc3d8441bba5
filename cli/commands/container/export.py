"""`ck export`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, text
from ck.cli.output.download import download

COMMAND = Command(
    "CONTAINER",
    "Export a container's filesystem as a tar archive",
    (text("output", "Write to a file, instead of STDOUT", "o"),),
    minimum=1,
    maximum=1,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Write the archive."""
    path = f"/containers/{name(args.words[0])}/export"
    download(args.text("output"), lambda: client.request("GET", path).chunks())
    return 0
