"""`ck commit`."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.reference import split

COMMAND = Command(
    "CONTAINER [REPOSITORY[:TAG]]",
    "Create a new image from a container's changes",
    (
        text("author", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', "a"),
        texts("change", "Apply Dockerfile instruction to the created image", "c"),
        text("message", "Commit message", "m"),
        switch("pause", "Pause container during commit", "p", default=True),
    ),
    minimum=1,
    maximum=2,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Print the ID of the new image."""
    container, *target = args.words
    repository, tag = split(target[0]) if target else ("", "")
    answer = client.post(
        "/commit",
        {},
        container=container,
        repo=repository,
        tag=tag,
        author=args.text("author"),
        comment=args.text("message"),
        changes=args.texts("change"),
        pause=int(args.on("pause")),
    )
    print(answer["Id"])
    return 0
