"""`ck push`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.commands.image._push import push
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch
from ck.cli.reference import split

COMMAND = Command(
    "NAME[:TAG]",
    "Upload an image to a registry",
    (
        switch("all-tags", "Push all tags of an image to the repository", "a"),
        switch("quiet", "Suppress verbose output", "q"),
    ),
    minimum=1,
    maximum=1,
    completes=("image",),
)


def run(args: Args, client: Client) -> int:
    """Push one image, or all of a repository; quiet, print its name."""
    reference = args.words[0]
    repository, tag = split(reference)
    if args.on("all-tags") and tag:
        raise UsageError("tag can't be used with --all-tags/-a", 1)
    quiet = args.on("quiet")
    if not tag and not args.on("all-tags"):
        tag = "latest"
        if not quiet:
            print("Using default tag: latest", flush=True)
    push(client, repository, tag, None if quiet else sys.stdout)
    if quiet:
        print(f"{repository}:{tag}" if tag else repository)
    return 0
