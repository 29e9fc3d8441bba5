"""`ck engine stop`."""

from __future__ import annotations

import os
import select

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, switch, text

COMMAND = Command(
    "",
    "Stop the engine; containers run on, unless --all stops them too",
    (
        switch("all", "Stop all containers first, each after those that depend on it", "a"),
        text("time", "Seconds for all containers together until they are killed", "t", kind="int"),
    ),
)


def run(args: Args, client: Client) -> int:
    """Stop it. Raises: ConnectionFailed where none runs."""
    client.autostart = False
    query: dict[str, object] = {"all": args.on("all")}
    if args.given("time"):
        query["t"] = args.number("time")
    stop_engine(client, **query)
    return 0


def stop_engine(client: Client, **query: object) -> None:
    """Return when the engine's process has ended."""
    engine = os.pidfd_open(client.get("/ck/engine")["Pid"])
    client.post("/ck/engine/stop", **query)
    poll = select.poll()
    poll.register(engine, select.POLLIN)
    poll.poll()
