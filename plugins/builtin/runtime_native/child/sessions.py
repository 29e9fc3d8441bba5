"""Exec sessions: further processes in the container, each with streams of its own."""

import socket
from collections.abc import Callable
from typing import Any, Final

from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.control import Control
from ck.plugins.builtin.runtime_native.child.loop import Loop, Timer
from ck.plugins.builtin.runtime_native.child.maker import Make
from ck.plugins.builtin.runtime_native.child.process import Process
from ck.plugins.builtin.runtime_native.child.streams import Streams

DRAIN_SECONDS: Final = 2.0  # as long as Docker waits for a background process that holds a session's output
ACKNOWLEDGE_SECONDS: Final = 1.0


class ExecSession:
    """The session that *request*, an EXEC, asked for by way of *ckd*; *changed* is called as it nears its end.

    Tells `ckd` DONE with the PID, or REFUSED, and later all connections EXEC_EXITED. `status` is what that said, None
    before.
    """

    def __init__(
        self,
        loop: Loop,
        control: Control,
        ckd: wire.ShimToCkd,
        request: dict[str, Any],
        open_spill: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self.status: dict[str, Any] | None = None
        self.forgotten = False
        self._loop = loop
        self._control = control
        self._ckd = ckd
        self._request = request
        self._changed = changed
        self._release_timer: Timer | None = None
        self._attach: dict[str, Any] | None = request["attach"]
        terminal: bool = request["terminal"]
        self.streams = Streams(
            loop, terminal=terminal, stdin_once=True, sink=None, open_spill=open_spill, emptied=changed
        )
        stdin = self._attach is not None and self._attach["stdin"]
        self.process = Process(loop, self.streams, self, stdin=stdin)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do for it, but for telling its status."""
        return self.streams.empty and (self.forgotten or self.status is not None)

    def start(self, make: Make, client: socket.socket | None) -> None:
        """Have the process made, and serve *client*. Raises: StepFailed, OSError."""
        self.process.fork(make)
        if client is not None and self._attach is not None:
            self.streams.attach(client, self._attach)

    def forget(self) -> None:
        """Ckd knows the status; one that runs is not forgotten."""
        if self.status is not None:
            self.forgotten = True
            self._release()

    def ready(self) -> None:
        """See process.Owner."""
        self.process.go()

    def executed(self) -> None:
        """See process.Owner."""
        self._control.answer(self._ckd, lambda ckd: ckd.done(self._request["request"], pid=self.process.pid))

    def failed(self, failure: dict[str, Any]) -> None:
        """See process.Owner. The client goes back to ckd, which may have something to tell it."""
        self.forgotten = True
        self.streams.abandon()
        self._control.answer(self._ckd, lambda ckd: ckd.refused(self._request["request"], failure))
        self._changed()

    def exited(self, code: int, at: int, signal: int) -> None:
        """See process.Owner."""
        self.streams.drain(
            DRAIN_SECONDS, lambda: self._drained({"code": code, "time": at, "oom": "", "signal": signal})
        )

    def _drained(self, status: dict[str, Any]) -> None:
        self.status = status
        # A client that is not told the exit code here asks ckd for it when it sees the end: ckd should know it by then.
        asks = self._attach is not None and not self._attach["status"] and not self.streams.empty
        if asks and self._control.connected:
            self._release_timer = self._loop.after(ACKNOWLEDGE_SECONDS, self._release)
        else:
            self._release()
        self._control.tell(lambda ckd: ckd.exec_exited(self._request["exec_id"], status))

    def _release(self) -> None:
        if self._release_timer is not None:
            self._release_timer.cancel()
        assert self.status is not None
        self.streams.finish(self.status["code"])
        self._changed()
