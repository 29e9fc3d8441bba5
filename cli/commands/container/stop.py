"""`ck stop`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.flags import Args, Command, text

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Stop one or more running containers",
    (
        text("signal", "Signal to send to the container", "s"),
        text("time", "Seconds to wait before killing the container (older spelling of --timeout)", kind="int"),
        text("timeout", "Seconds to wait before killing the container", "t", kind="int"),
    ),
    minimum=1,
    maximum=None,
    completes=("running",),
)


def run(args: Args, client: Client) -> int:
    """Stop each container."""
    query: dict[str, object] = {"signal": args.text("signal")}
    for flag in ("time", "timeout"):
        if args.given(flag):
            query["t"] = args.number(flag)
    return for_each(args.words, lambda each: client.post(f"/containers/{name(each)}/stop", **query))
