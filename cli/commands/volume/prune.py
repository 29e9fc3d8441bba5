"""`ck volume prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters, print_pruned
from ck.cli.flags import Args, Command, switch, texts

COMMAND = Command(
    "",
    "Remove unused local volumes",
    (
        switch("all", "Remove all unused volumes, not just anonymous ones", "a"),
        texts("filter", 'Provide filter values (e.g. "label=<label>")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove, tell what is gone."""
    wanted = filters(args)
    kind = "anonymous local volumes not used"
    if args.on("all"):
        wanted["all"] = ["true"]
        kind = "local volumes not used"
    if confirmed(args, f"This will remove {kind} by at least one container."):
        pruned = client.post("/volumes/prune", filters=wanted)
        print_pruned("Deleted Volumes", pruned["VolumesDeleted"], pruned["SpaceReclaimed"])
    return 0
