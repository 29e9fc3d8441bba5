"""`ck push`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client, name
from ck.cli.credentials import auth_header
from ck.cli.errors import CliError, UsageError
from ck.cli.flags import Args, Command, switch
from ck.cli.reference import registry, split

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
    headers = auth_header(registry(reference))
    messages = client.stream("POST", f"/images/{name(repository)}/push", {"tag": tag}, headers=headers)
    if not quiet:
        from ck.cli.terminal.progress import Progress

        Progress(sys.stdout).show(messages)
        return 0
    for message in messages:
        if error := message.get("error"):
            raise CliError(str(error))
    print(f"{repository}:{tag}" if tag else repository)
    return 0
