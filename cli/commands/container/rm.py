"""`ck rm`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command, switch

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Remove one or more containers",
    (
        switch("force", "Force the removal of a running container (uses SIGKILL)", "f"),
        switch("link", "Remove the specified link", "l"),
        switch("volumes", "Remove anonymous volumes associated with the container", "v"),
    ),
    minimum=1,
    maximum=None,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Remove each container; with --force one that does not exist is told, but is no failure."""
    force = args.on("force")
    query = {"force": force, "v": args.on("volumes"), "link": args.on("link")}
    return for_each(args.words, lambda each: client.delete(f"/containers/{name(each)}", **query), forgive_missing=force)
