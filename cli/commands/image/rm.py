"""`ck rmi`, `ck image rm`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client, name
from ck.cli.errors import ApiError
from ck.cli.flags import Args, Command, switch

COMMAND = Command(
    "IMAGE [IMAGE...]",
    "Remove one or more images",
    (
        switch("force", "Force removal of the image", "f"),
        switch("no-prune", "Do not delete untagged parents"),
    ),
    minimum=1,
    maximum=None,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Remove each image and print what was untagged and deleted."""
    code = 0
    force = args.on("force")
    for image in args.words:
        try:
            removed = client.delete(f"/images/{name(image)}", force=force, noprune=args.on("no-prune"))
        except ApiError as error:
            sys.stdout.flush()
            sys.stderr.write(f"ck: {error}\n")
            if not force or error.status != 404:
                code = 1
            continue
        for each in removed:
            print(f"Deleted: {each['Deleted']}" if each.get("Deleted") else f"Untagged: {each['Untagged']}", flush=True)
    return code
