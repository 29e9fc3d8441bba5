"""`ck network prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters
from ck.cli.flags import Args, Command, switch, texts

COMMAND = Command(
    "",
    "Remove all unused networks",
    (
        texts("filter", 'Provide filter values (e.g. "until=<timestamp>")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove, tell what is gone."""
    wanted = filters(args)
    if confirmed(args, "This will remove all custom networks not used by at least one container."):
        removed = client.post("/networks/prune", filters=wanted)["NetworksDeleted"]
        if removed:
            print("Deleted Networks:", *removed, sep="\n")
            print()
    return 0
