"""What `run`, `start -a` and `attach` share: the streams, the signals and the exit code of a container."""

from __future__ import annotations

import os

from ck.cli.client.api import HIJACK, Client, name
from ck.cli.commands.container._waiter import ExitWaiter
from ck.cli.errors import ApiError, CliError
from ck.cli.terminal.detach import parse_keys
from ck.cli.terminal.relay import Relay
from ck.cli.terminal.signals import ENDING, PROXIED, Handlers, Proxy, leave
from ck.cli.terminal.tty import RawTerminal, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ck.cli.flags import Args

NOT_A_TTY = "the input device is not a TTY"


class Wanted:
    """What of a container is attached. *keys* are the detach keys as typed, "" for the usual ones."""

    __slots__ = ("keys", "proxy", "stderr", "stdin", "stdout", "tty")

    def __init__(
        self, *, tty: bool, stdin: bool, stdout: bool = True, stderr: bool = True, keys: str, proxy: bool
    ) -> None:
        self.tty, self.stdin, self.stdout, self.stderr, self.keys, self.proxy = tty, stdin, stdout, stderr, keys, proxy


def detach_keys(args: Args) -> str:
    """`--detach-keys`, checked; else `detachKeys` of the client's config file. Raises: UsageError."""
    keys = args.text("detach-keys")
    if keys:
        args.convert("detach-keys", keys, parse_keys)
        return keys
    from ck.cli.config import read_config

    return str(read_config().get("detachKeys", ""))


def check_terminal(*, stdin: bool) -> None:
    """Where a terminal is wanted, and our *stdin* for it: raises CliError if that is none."""
    if stdin and not os.isatty(0):
        raise CliError(NOT_A_TTY, 1)


def follow(
    client: Client,
    container: str,
    wanted: Wanted,
    *,
    condition: str,
    start: bool = False,
    ready: Callable[[], None] | None = None,
) -> int:
    """Attach, *start* the container where asked to, and relay until the end; return its exit code, 0 if the user
    detached.

    *condition* is what to wait for (Docker Engine API, ContainerWait). The attach is confirmed before the start, and
    the wait begins with it: so neither output nor exit can be missed. *ready* is called once all is attached.
    """
    query = {"stream": True, "stdin": wanted.stdin, "stdout": wanted.stdout, "stderr": wanted.stderr}
    attaching = client.send("POST", f"/containers/{name(container)}/attach", query | _keys(wanted), headers=HIJACK)
    waiter = ExitWaiter(client, container, condition)
    if not start:
        waiter.wait()
    stream = client.receive(attaching).connection
    proxy = Proxy(lambda signal: _kill(client, container, signal))
    actions = _actions(wanted, proxy, lambda: resize(client, f"/containers/{name(container)}"))
    with Handlers(actions) as handlers:
        relay = Relay(
            stream,
            framed=not wanted.tty,
            stdin=wanted.stdin,
            detach_keys=parse_keys(wanted.keys) if wanted.tty else b"",
            awake=handlers.awake,
        )
        with RawTerminal(0, wanted=wanted.tty and wanted.stdin):
            if start:
                waiter.start(wanted.keys)
            proxy.started()
            if ready:
                ready()
            detached = relay.run()
        stream.close()
        return 0 if detached else waiter.code()


def _keys(wanted: Wanted) -> dict[str, object]:
    return {"detachKeys": wanted.keys} if wanted.keys else {}


def _actions(wanted: Wanted, proxy: Proxy, resized: Callable[[], None]) -> dict[str, Callable[[str], None]]:
    actions: dict[str, Callable[[str], None]] = (
        dict.fromkeys(PROXIED, proxy) if wanted.proxy else dict.fromkeys(ENDING, leave)
    )
    if wanted.tty:
        actions["SIGWINCH"] = lambda _: resized()
        if wanted.proxy:
            actions["SIGHUP"] = lambda signal: _hang_up(proxy, signal)
    return actions


def _hang_up(proxy: Proxy, signal: str) -> None:
    """The terminal is gone: the container is told as its shell would be, and there is nobody left to relay for."""
    proxy(signal)
    leave(signal)


def _kill(client: Client, container: str, signal: str) -> None:
    try:
        client.post(f"/containers/{name(container)}/kill", signal=signal)
    except ApiError as error:
        # It ended while the signal was on its way: the exit code will tell.
        if error.status not in {404, 409}:
            raise


def resize(client: Client, path: str, *, nudge: bool = False) -> None:
    """Tell the container or exec session at *path* the size of our terminal; *nudge* goes there by way of a wrong
    size, so that a program draws its screen anew."""
    rows, columns = size(1)
    if not rows:
        return
    try:
        if nudge:
            client.post(f"{path}/resize", h=rows + 1, w=columns + 1)
        client.post(f"{path}/resize", h=rows, w=columns)
    except ApiError as error:
        # Not yet started, or ended already: a start brings its own size.
        if error.status not in {404, 409}:
            raise
