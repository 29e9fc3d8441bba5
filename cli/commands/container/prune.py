"""`ck container prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters, print_pruned
from ck.cli.flags import Args, Command, switch, texts

COMMAND = Command(
    "",
    "Remove all stopped containers",
    (
        texts("filter", 'Provide filter values (e.g. "until=<timestamp>")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove, tell what is gone."""
    wanted = filters(args)
    if confirmed(args, "This will remove all stopped containers."):
        pruned = client.post("/containers/prune", filters=wanted)
        print_pruned("Deleted Containers", pruned["ContainersDeleted"], pruned["SpaceReclaimed"])
    return 0
