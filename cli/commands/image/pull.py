"""`ck pull`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.commands.image._pull import pull
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch, text
from ck.cli.reference import full, has_tags, split

COMMAND = Command(
    "NAME[:TAG|@DIGEST]",
    "Download an image from a registry",
    (
        switch("all-tags", "Download all tagged images in the repository", "a"),
        text("platform", "Set platform if the engine is multi-platform capable"),
        switch("quiet", "Suppress verbose output", "q"),
    ),
    minimum=1,
    maximum=1,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Pull one image, then print its full name."""
    reference = args.words[0]
    tag = split(reference)[1]
    if args.on("all-tags") and tag:
        raise UsageError("tag can't be used with --all-tags/-a", 1)
    quiet = args.on("quiet")
    if has_tags(reference) and not tag and not args.on("all-tags"):
        if not quiet:
            print("Using default tag: latest", flush=True)
        reference += ":latest"
    pull(client, reference, None if quiet else sys.stdout, platform=args.text("platform"), all_tags=args.on("all-tags"))
    print(reference if args.on("all-tags") else full(reference))
    return 0
