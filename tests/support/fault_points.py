"""A plugin for engines under test: it knows every moment at which a verb has touched something outside the process, and
can kill there.

The moments are not listed anywhere: they are before and after each piece of work in a thread, of which a commit of the
store is one, and after each call of a driver, which is all that a verb can do to the machine. So a step written
tomorrow is covered.

A file tells what to do, and is read at each moment: `record`, or for the Nth from then on `kill N ckd|forkserver|shim`,
or `hold N`: the whole engine stands still until somebody has opened the FIFO beside it for writing and closed it.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import trio

from ck.kernel import guard
from ck.kernel.hookspecs import hookimpl
from tests.support.census import command_name

ORDERS: Final = "CK_FAULT_ORDERS"
"""The environment variable with the path of that file; beside it, `.points` gets the names of the moments passed, and
`.hold` is the FIFO."""


class Faults:
    """Counts moments since the order changed."""

    def __init__(self, orders: Path) -> None:
        self._orders, self._points = orders, orders.with_suffix(".points")
        self._order, self._passed, self._inside = "", 0, False

    def point(self, name: str) -> None:
        """A moment is reached."""
        if self._inside:  # what a kill itself does
            return
        try:
            order = self._orders.read_text()
        except FileNotFoundError:
            order = ""
        if order != self._order:
            self._order, self._passed = order, 0
        if not order:
            return
        self._passed += 1
        with self._points.open("a") as file:
            file.write(f"{name}\n")
        words = order.split()
        if words[0] == "record" or self._passed != int(words[1]):
            return
        self._inside = True
        if words[0] == "hold":
            self._orders.with_suffix(".hold").read_bytes()
        else:
            _kill(words[2])
        self._inside = False


def _kill(whom: str) -> None:
    if whom == "ckd":
        os.kill(os.getpid(), signal.SIGKILL)
    for pid in _descendants(os.getpid()) if whom == "forkserver" else _shims():
        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """The forkserver and the helpers that it keeps in hand, but no shims that are at work."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    idle = [child for child in children if command_name(child) != "ck-shim"]
    return [each for child in idle for each in (child, *_descendants(child))]


def _shims() -> list[int]:
    """Those of this engine: they have its run root in their environment."""
    mine = os.environ["CK_RUN_ROOT"].encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "comm").read_text() == "ck-shim\n" and mine in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def install(faults: Faults) -> None:
    """Put the moments in place."""
    guarded, in_thread = guard._guard_async, trio.to_thread.run_sync

    def guard_async(method: Callable[..., Any], call: str, deadline: float | None) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            result = await guarded(method, call, deadline)(*args, **kwargs)
            faults.point(f"after {call}")
            return result

        return run

    async def run_sync(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(work, "__qualname__", type(work).__name__)
        faults.point(f"before {name}")
        result = await in_thread(work, *args, **kwargs)
        faults.point(f"after {name}")
        return result

    guard._guard_async = guard_async

    trio.to_thread.run_sync = run_sync  # type: ignore[assignment]


@hookimpl
def ck_register_restart() -> None:
    """A plugin that offers nothing."""


if ORDERS in os.environ:
    install(Faults(Path(os.environ[ORDERS])))
