"""`ck builder prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters, print_pruned
from ck.cli.flags import Args, Command, switch, texts

COMMAND = Command(
    "",
    "Remove build cache",
    (
        switch("all", "Remove all of it, not only what no image is made of, and the caches of RUN --mount", "a"),
        texts("filter", 'Provide filter values (e.g. "until=24h")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove, tell what is gone."""
    kind = "all build cache" if args.on("all") else "all dangling build cache"
    if confirmed(args, f"This will remove {kind}."):
        pruned = client.post("/build/prune", all=args.on("all"), filters=filters(args))
        print_pruned("Deleted build cache objects", pruned["CachesDeleted"], pruned["SpaceReclaimed"])
    return 0
