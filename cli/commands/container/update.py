"""`ck update`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.commands.container._limits import LIMIT_FLAGS, limits_of, unchanging
from ck.cli.errors import UsageError
from ck.cli.flags import Args, Command, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Change the limits and the restart policy of one or more containers",
    (
        *LIMIT_FLAGS,
        text(
            "restart",
            "Restart policy to apply when a container exits",
            completes=("no", "always", "unless-stopped", "on-failure"),
        ),
    ),
    minimum=1,
    maximum=None,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Update each container."""
    change: dict[str, Any] = limits_of(args)
    if args.given("restart"):
        from ck.cli.options.restart import parse_restart

        change["RestartPolicy"] = args.convert("restart", args.text("restart"), parse_restart)
    if flag := unchanging(args):
        raise UsageError(f"--{flag} {args.text(flag) or repr('')} changes nothing: a limit cannot be taken back", 1)
    if not change:
        raise UsageError("you must provide one or more flags when using this command", 1)

    def update(container: str) -> None:
        for warning in client.post(f"/containers/{name(container)}/update", change)["Warnings"] or ():
            sys.stderr.write(f"WARNING: {warning}\n")

    return for_each(args.words, update)
