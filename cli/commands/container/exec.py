"""`ck exec`."""

from __future__ import annotations

import os

from ck.cli.client.api import HIJACK_WITH_STATUS, Client, name
from ck.cli.errors import CliError
from ck.cli.flags import Args, Command, switch, text, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ck.cli.client.connection import Connection

SESSION_HEADER = "ck-exec"
COMMAND = Command(
    "CONTAINER COMMAND [ARG...]",
    "Execute a command in a running container",
    (
        switch("detach", "Detached mode: run command in the background", "d"),
        text("detach-keys", "Override the key sequence for detaching a container"),
        texts("env", "Set environment variables", "e"),
        texts("env-file", "Read in a file of environment variables"),
        switch("interactive", "Keep STDIN open even if not attached", "i"),
        switch("privileged", "Give extended privileges to the command"),
        switch("tty", "Allocate a pseudo-TTY", "t"),
        text("user", 'Username or UID (format: "<name|uid>[:<group|gid>]")', "u"),
        text("workdir", "Working directory inside the container", "w"),
    ),
    minimum=2,
    maximum=None,
    interspersed=False,
    completes=("running", ""),
)


def run(args: Args, client: Client) -> int:
    """Run a command; return its exit code, 0 if it is detached."""
    container, *command = args.words
    detached, tty, interactive = args.on("detach"), args.on("tty"), args.on("interactive")
    body: dict[str, Any] = {
        "Cmd": command,
        "Tty": tty,
        "AttachStdin": interactive and not detached,
        "AttachStdout": not detached,
        "AttachStderr": not detached,
        "Privileged": args.on("privileged"),
        "User": args.text("user"),
        "WorkingDir": args.text("workdir"),
        "Env": _environment(args),
    }
    if detached:
        session = client.post(f"/containers/{name(container)}/exec", body)["Id"]
        client.post(f"/exec/{session}/start", {"Detach": True, "Tty": tty})
        return 0
    return _run_attached(args, client, container, body)


def _environment(args: Args) -> list[str]:
    if not args.given("env") and not args.given("env-file"):
        return []
    from ck.cli.commands.container._body import environment_of

    return environment_of(args)


def _run_attached(args: Args, client: Client, container: str, body: dict[str, Any]) -> int:
    tty, stdin = body["Tty"], body["AttachStdin"]
    keys = _prepare_terminal(args, body) if tty else ""

    def begin() -> Connection:
        return client.send("POST", f"/ck/containers/{name(container)}/exec", None, body, headers=HIJACK_WITH_STATUS)

    # With a terminal not before that is raw: the program may print at once, and the user type.
    begun = None if tty else begin()
    # Loaded while the engine is at it.
    from ck.cli.terminal.detach import parse_keys
    from ck.cli.terminal.relay import Relay
    from ck.cli.terminal.signals import ENDING, Handlers, leave
    from ck.cli.terminal.tty import RawTerminal

    session = ""
    actions: Any = dict.fromkeys(ENDING, leave)
    if tty:
        from ck.cli.commands.container._attached import resize

        actions["SIGWINCH"] = lambda _: resize(client, f"/exec/{session}") if session else None
    with Handlers(actions) as handlers, RawTerminal(0, wanted=tty and stdin):
        response = client.receive(begun or begin())
        session = response.headers[SESSION_HEADER]
        relay = Relay(
            response.connection,
            framed=True,
            stdin=stdin,
            detach_keys=parse_keys(keys) if tty else b"",
            awake=handlers.awake,
        )
        if relay.run():
            return 0
        response.connection.close()
    if relay.engine_error:
        raise CliError(relay.engine_error, relay.exit_code)
    if relay.exit_code is not None:
        return relay.exit_code
    # The shim was killed before it could tell; the engine takes the session for killed then.
    return int(client.get(f"/exec/{session}/json")["ExitCode"] or 0)


def _prepare_terminal(args: Args, body: dict[str, Any]) -> str:
    """Check that there is one, put its size into *body*; return the detach keys."""
    from ck.cli.commands.container._attached import check_terminal, detach_keys
    from ck.cli.terminal.tty import size

    keys = detach_keys(args)
    check_terminal(stdin=body["AttachStdin"])
    if keys:
        body["DetachKeys"] = keys
    if os.isatty(1):
        body["ConsoleSize"] = list(size(1))
    return keys
