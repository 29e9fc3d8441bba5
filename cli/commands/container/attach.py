"""`ck attach`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands.container._attached import Wanted, check_terminal, detach_keys, follow, resize
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, switch, text

COMMAND = Command(
    "CONTAINER",
    "Attach local standard input, output, and error streams to a running container",
    (
        text("detach-keys", "Override the key sequence for detaching a container"),
        switch("no-stdin", "Do not attach STDIN"),
        switch("sig-proxy", "Proxy all received signals to the process", default=True),
    ),
    minimum=1,
    maximum=1,
    completes=("running",),
)


def run(args: Args, client: Client) -> int:
    """Relay until the container ends; return its exit code."""
    container = client.get(f"/containers/{name(args.words[0])}/json")
    identifier, config, state = container["Id"], container["Config"], container["State"]
    for fact, sentence in (("Paused", "paused"), ("Restarting", "restarting")):
        if state.get(fact):
            raise CliError(f"you cannot attach to a {sentence} container")
    if not state.get("Running"):
        raise CliError("you cannot attach to a stopped container, start it first")
    wanted = Wanted(
        tty=config["Tty"],
        stdin=config["OpenStdin"] and not args.on("no-stdin"),
        keys=detach_keys(args) if config["Tty"] else "",
        proxy=args.on("sig-proxy") and not config["Tty"],
    )
    if wanted.tty:
        check_terminal(stdin=wanted.stdin)
    redraw = (lambda: resize(client, f"/containers/{identifier}", nudge=True)) if wanted.tty else None
    return follow(client, identifier, wanted, condition="not-running", ready=redraw)
