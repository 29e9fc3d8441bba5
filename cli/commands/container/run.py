"""`ck run`."""

from __future__ import annotations

import os

from ck.cli.client.api import Client, name
from ck.cli.commands.container._body import create_body
from ck.cli.commands.container._create import create
from ck.cli.commands.container._flags import CREATE_FLAGS
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, switch, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "IMAGE [COMMAND] [ARG...]",
    "Create and run a new container from an image",
    (
        *CREATE_FLAGS,
        switch("detach", "Run container in background and print container ID", "d"),
        text("detach-keys", "Override the key sequence for detaching a container"),
        switch("sig-proxy", "Proxy received signals to the process", default=True),
    ),
    minimum=1,
    maximum=None,
    interspersed=False,
    failure=125,
    completes=("image", ""),
)


def run(args: Args, client: Client) -> int:
    """Create and start; attached, return the container's exit code; detached, print the ID."""
    body = create_body(args)
    if args.on("detach"):
        return _run_detached(args, client, body)
    stdin = body["AttachStdin"] and body["OpenStdin"]
    keys = _prepare_terminal(args, body, stdin) if body["Tty"] else ""
    container = create(client, args, body, _load_streams)
    from ck.cli.commands.container._attached import Wanted, follow

    wanted = Wanted(
        tty=body["Tty"],
        stdin=stdin,
        stdout=body["AttachStdout"],
        stderr=body["AttachStderr"],
        keys=keys,
        proxy=args.on("sig-proxy"),
    )
    return follow(
        client,
        container,
        wanted,
        condition="removed" if args.on("rm") else "next-exit",
        start=True,
    )


def _prepare_terminal(args: Args, body: dict[str, Any], stdin: bool) -> str:
    """Check that there is one, put its size into *body*; return the detach keys."""
    from ck.cli.commands.container._attached import check_terminal, detach_keys
    from ck.cli.terminal.tty import size

    keys = detach_keys(args)
    check_terminal(stdin=stdin)
    if os.isatty(1):
        body["HostConfig"]["ConsoleSize"] = list(size(1))
    return keys


def _load_streams() -> None:
    """Load what comes next while the engine makes the container: a tenth of the time of a short run."""
    import ck.cli.commands.container._attached  # noqa: F401


def _run_detached(args: Args, client: Client, body: dict[str, object]) -> int:
    if args.given("attach"):
        raise UsageError("conflicting options: cannot specify both --attach and --detach", 125)
    body |= {"AttachStdin": False, "AttachStdout": False, "AttachStderr": False, "StdinOnce": False}
    container = create(client, args, body)
    client.post(f"/containers/{name(container)}/start")
    print(container)
    return 0
