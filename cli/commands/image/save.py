"""`ck save`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, text
from ck.cli.output.download import download

COMMAND = Command(
    "IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    (text("output", "Write to a file, instead of STDOUT", "o"),),
    minimum=1,
    maximum=None,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Write the archive."""
    download(args.text("output"), lambda: client.request("GET", "/images/get", {"names": args.words}).chunks())
    return 0
