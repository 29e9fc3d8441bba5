"""`ck image prune`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands._filters import confirmed, filters, print_pruned, pruned_images
from ck.cli.flags import Args, Command, switch, texts

COMMAND = Command(
    "",
    "Remove unused images",
    (
        switch("all", "Remove all unused images, not just dangling ones", "a"),
        texts("filter", 'Provide filter values (e.g. "until=<timestamp>")', kind="filter"),
        switch("force", "Do not prompt for confirmation", "f"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Ask, remove, tell what is gone."""
    wanted = filters(args)
    warning = "This will remove all dangling images."
    if args.on("all"):
        wanted["dangling"] = ["false"]
        warning = "This will remove all images without at least one container associated to them."
    if confirmed(args, warning):
        pruned = client.post("/images/prune", filters=wanted)
        print_pruned("Deleted Images", pruned_images(pruned), pruned["SpaceReclaimed"])
    return 0
