"""`ck load`."""

from __future__ import annotations

import os
import sys

from ck.cli.client.api import Client
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.upload import pieces
from ck.cli.terminal.progress import Progress

COMMAND = Command(
    "",
    "Load an image from a tar archive or STDIN",
    (
        text("input", "Read from tar archive file, instead of STDIN", "i"),
        switch("quiet", "Suppress the load output", "q"),
    ),
    maximum=0,
)


def run(args: Args, client: Client) -> int:
    """Send the archive, then tell which images it held."""
    path = args.text("input")
    if not path and os.isatty(0):
        raise CliError("requested load from stdin, but stdin is empty: use the -i flag or redirect")
    query = {"quiet": args.on("quiet")}
    Progress(sys.stdout).show(client.stream("POST", "/images/load", query, data=pieces(path or "-")))
    return 0
