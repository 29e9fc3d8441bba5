"""`ck logs`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.flags import Args, Command, switch, text
from ck.cli.terminal.frames import STDOUT, Frames
from ck.cli.terminal.relay import write_all

COMMAND = Command(
    "CONTAINER",
    "Fetch the logs of a container",
    (
        switch("details", "Show extra details provided to logs"),
        switch("follow", "Follow log output", "f"),
        text(
            "since", 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'
        ),
        text("tail", "Number of lines to show from the end of the logs", "n", default="all"),
        switch("timestamps", "Show timestamps", "t"),
        text(
            "until",
            'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
        ),
    ),
    minimum=1,
    maximum=1,
    completes=("container",),
)

RAW_STREAM = "application/vnd.docker.raw-stream"


def run(args: Args, client: Client) -> int:
    """Print what the container wrote, each stream to its own."""
    query: dict[str, object] = {
        "stdout": True,
        "stderr": True,
        "details": args.on("details"),
        "follow": args.on("follow"),
        "tail": args.text("tail"),
        "timestamps": args.on("timestamps"),
        **moments(args),
    }
    response = client.request("GET", f"/containers/{name(args.words[0])}/logs", query)
    if response.headers.get("content-type") == RAW_STREAM:
        for piece in response.chunks():
            write_all(1, piece)
        return 0
    frames = Frames()
    for piece in response.chunks():
        for stream, data in frames.feed(piece):
            write_all(1 if stream <= STDOUT else 2, data)
    return 0


def moments(args: Args) -> dict[str, object]:
    """`--since` and `--until` for the API. Raises: UsageError."""
    if not args.given("since") and not args.given("until"):
        return {}
    from time import time

    from ck.cli.options.durations import parse_timestamp

    now = time()
    return {
        flag: args.convert(flag, args.text(flag), lambda value: parse_timestamp(value, now))
        for flag in ("since", "until")
    }
