"""`ck start`."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands._each import for_each
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, switch, text

COMMAND = Command(
    "CONTAINER [CONTAINER...]",
    "Start one or more stopped containers",
    (
        switch("attach", "Attach STDOUT/STDERR and forward signals", "a"),
        text("detach-keys", "Override the key sequence for detaching a container"),
        switch("interactive", "Attach container's STDIN", "i"),
        switch("sig-proxy", "Proxy all received signals to the process", default=True),
    ),
    minimum=1,
    maximum=None,
    completes=("container",),
)


def run(args: Args, client: Client) -> int:
    """Start each container; with -a or -i one only, and return its exit code."""
    if not args.on("attach") and not args.on("interactive"):
        return for_each(args.words, lambda each: client.post(f"/containers/{name(each)}/start"))
    if len(args.words) > 1:
        raise CliError("you cannot start and attach multiple containers at once")
    return _start_attached(args, client)


def _start_attached(args: Args, client: Client) -> int:
    from ck.cli.commands.container._attached import Wanted, check_terminal, detach_keys, follow, resize

    container = client.get(f"/containers/{name(args.words[0])}/json")
    identifier, config = container["Id"], container["Config"]
    wanted = Wanted(
        tty=config["Tty"],
        stdin=args.on("interactive") and config["OpenStdin"],
        keys=detach_keys(args) if config["Tty"] else "",
        proxy=args.on("sig-proxy") and not config["Tty"],
    )
    if wanted.tty:
        check_terminal(stdin=wanted.stdin)
    return follow(
        client,
        identifier,
        wanted,
        condition="removed" if container["HostConfig"].get("AutoRemove") else "next-exit",
        start=True,
        ready=(lambda: resize(client, f"/containers/{identifier}")) if wanted.tty else None,
    )
