"""`ck ps`, `ck container ls`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import filters
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.output.listing import FORMAT_HELP

COMMAND = Command(
    "",
    "List containers",
    (
        switch("all", "Show all containers (default shows just running)", "a"),
        texts("filter", "Filter output based on conditions provided", "f", kind="filter"),
        text("format", FORMAT_HELP),
        text("last", "Show n last created containers (includes all states)", "n", kind="int", default="-1"),
        switch("latest", "Show the latest created container (includes all states)", "l"),
        switch("no-trunc", "Don't truncate output"),
        switch("quiet", "Only display container IDs", "q"),
        switch("size", "Display total file sizes", "s"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Print a table, IDs, or what --format says."""
    from ck.cli.commands.container._row import container_row, listing

    last = 1 if args.on("latest") else args.number("last")
    format_ = args.text("format")
    if not format_ and not args.on("quiet"):
        from ck.cli.config import read_config

        format_ = str(read_config().get("psFormat", ""))
    size = args.on("size") or ".Size" in format_
    containers = client.get(
        "/containers/json",
        all=args.on("all"),
        limit=last if last > 0 else None,
        size=size,
        filters=filters(args) or None,
    )
    full = args.on("no-trunc")
    if args.on("quiet") and not args.text("format"):
        for container in containers:
            print(container["Id"] if full else container["Id"][:12])
        return 0
    listing(size=args.on("size")).show([container_row(each, full=full) for each in containers], format_)
    return 0
