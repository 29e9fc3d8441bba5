"""`ck stats`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.commands.container._usage import usage_row
from ck.cli.flags import Args, Command, switch, text
from ck.cli.output.listing import FORMAT_HELP, Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "[CONTAINER...]",
    "Display a live stream of container resource usage statistics",
    (
        switch("all", "Show all containers (default shows just running)", "a"),
        text("format", FORMAT_HELP),
        switch("no-stream", "Disable streaming stats and only pull the first result"),
        switch("no-trunc", "Do not truncate output"),
    ),
    maximum=None,
    completes=("running",),
)

HEADERS = {
    "ID": "CONTAINER ID",
    "Container": "CONTAINER",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def run(args: Args, client: Client) -> int:
    """Show what containers use: once, or anew each second until interrupted."""
    query: dict[str, object] = {}
    if args.words:
        query["container"] = args.words
    elif args.on("all"):
        query["container"] = [each["Id"] for each in client.get("/containers/json", all=True)]
        if not query["container"]:
            _show(args, [])
            return 0
    if args.on("no-stream"):
        _show(args, client.get("/ck/stats", stream=0, **query))
        return 0
    for look in client.stream("GET", "/ck/stats", query):
        if sys.stdout.isatty():
            print(HOME_AND_CLEAR, end="")
        _show(args, look)
        sys.stdout.flush()
    return 0


def _show(args: Args, look: list[dict[str, Any]]) -> None:
    rows = [usage_row(stats, truncate=not args.on("no-trunc")) for stats in look]
    Listing(HEADERS, COLUMNS).show(rows, args.text("format"))
