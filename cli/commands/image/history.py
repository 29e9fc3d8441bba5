"""`ck history`."""

from __future__ import annotations

from time import time

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import FORMAT_HELP, Listing
from ck.cli.output.times import rfc3339
from ck.cli.output.units import NO_TIME, ago, ellipsis, human_size, short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.output.listing import Row

COMMAND = Command(
    "IMAGE",
    "Show the history of an image",
    (
        text("format", FORMAT_HELP),
        switch("human", "Print sizes and dates in human readable format", "H", default=True),
        switch("no-trunc", "Don't truncate output"),
        switch("quiet", "Only show image IDs", "q"),
    ),
    minimum=1,
    maximum=1,
    completes=("image",),
)

HEADERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
HUMAN = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")
EXACT = ("ID", "CreatedAt", "CreatedBy", "Size", "Comment")
CREATED_BY_WIDTH = 45


def run(args: Args, client: Client) -> int:
    """Print one row a layer, the newest first."""
    history = client.get(f"/images/{name(args.words[0])}/history")
    full, human = args.on("no-trunc"), args.on("human")
    if args.on("quiet"):
        for entry in history:
            print(entry["Id"] if full else short_id(entry["Id"]))
        return 0
    rows = [_row(entry, full=full, human=human) for entry in history]
    Listing(HEADERS, HUMAN if human else EXACT).show(rows, args.text("format"))
    return 0


def _row(entry: dict[str, Any], *, full: bool, human: bool) -> Row:
    command = entry["CreatedBy"].replace("\t", " ")
    return {
        "ID": entry["Id"] if full else short_id(entry["Id"]),
        "CreatedSince": ago(entry["Created"], time()),
        "CreatedAt": rfc3339(entry["Created"]) if entry["Created"] > 0 else NO_TIME,
        "CreatedBy": command if full else ellipsis(command, CREATED_BY_WIDTH),
        "Size": human_size(entry["Size"], 3) if human else str(entry["Size"]),
        "Comment": entry["Comment"],
    }
