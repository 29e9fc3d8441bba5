"""One process that the shim has made, the container's init or an exec session's.

From the fork until its output is drained.
"""

import enum
import os
import socket
import time
from contextlib import suppress
from typing import Any, Final, Protocol

from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.loop import READABLE, Loop
from ck.plugins.builtin.runtime_native.child.maker import Make, SpareHelper
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed
from ck.plugins.builtin.runtime_native.child.streams import Streams

_DIED: Final = wire.failure("report", 0, "the process ended before its program was executed")
_KILLED: Final = "the process was killed before its program was executed"


class Phase(enum.Enum):
    """How far a process has come."""

    MAKING = enum.auto()
    READY = enum.auto()  # all but executed
    GOING = enum.auto()  # told to execute
    RUNNING = enum.auto()
    FAILED = enum.auto()
    GONE = enum.auto()


class Owner(Protocol):
    """Who is told what becomes of a process."""

    def ready(self) -> None:
        """All but executed: call `Process.go`, now or later."""

    def executed(self) -> None:
        """The program runs."""

    def failed(self, failure: dict[str, Any]) -> None:
        """It could not be made or executed, and is over; *failure* has the fields of wire.failure."""

    def exited(self, code: int, at: int, signal: int) -> None:
        """It ended at *at* (UNIX, ns), *code* as a shell counts; *signal* is the one that ended it, 0 for none."""


class Process:
    """Has it forked, follows its report, and tells *owner*.

    `pid` is 0 until there is a process, `pidfd` -1 but while it exists: until it is waited for.
    """

    def __init__(self, loop: Loop, streams: Streams, owner: Owner, *, stdin: bool) -> None:
        self.pid = 0
        self.pidfd = -1
        self.phase = Phase.MAKING
        self._loop = loop
        self._streams = streams
        self._owner = owner
        self._stdin = stdin
        self._report: socket.socket | None = None
        self._helper = 0
        self._is_ready = False
        self._waits = False

    def fork(self, make: Make) -> None:
        """Begin: *make* the process, which executes unasked. Raises: StepFailed, OSError where nothing can be
        forked."""
        report, child_report = wire.pair()
        report.setblocking(False)
        pipes = None if self._streams.terminal else _Pipes(self._stdin)
        try:
            pid = make(child_report, pipes.theirs if pipes else None)
        except (OSError, StepFailed):
            report.close()
            if pipes:
                pipes.close(*pipes.ours)
            raise
        finally:
            child_report.close()
            if pipes:
                pipes.close(*pipes.theirs)
        if pipes:
            self._streams.open_pipes(*pipes.ours)
        self._follow(report)
        self._born(pid)

    def order(self, helper: SpareHelper, plan: str) -> None:
        """Begin: have *helper* make the init of the container in the file *plan*, which waits for `go`.

        Raises: OSError.
        """
        self._helper = helper.pid
        self._waits = True
        helper.report.setblocking(False)
        pipes = None if self._streams.terminal else _Pipes(self._stdin)
        try:
            wire.ShimToHelper(helper.report).order(plan, pipes.theirs if pipes else ())
        finally:
            if pipes:
                pipes.close(*pipes.theirs)
        if pipes:
            self._streams.open_pipes(*pipes.ours)
        self._follow(helper.report)

    def _follow(self, report: socket.socket) -> None:
        self._report = report
        self._loop.watch(report.fileno(), READABLE, self._read_report)

    def go(self) -> None:
        """Let it execute, if it waits for that."""
        if self._report is not None and self.phase is Phase.READY:
            self.phase = Phase.GOING
            if self._waits:
                with suppress(OSError):  # it was killed meanwhile; its exit tells
                    wire.ShimToChild(self._report).go()

    def signal(self, number: int) -> None:
        """Send a signal; a process that has ended gets none."""
        if self.pidfd >= 0:
            os.kill(self.pid, number)

    def _read_report(self, _events: int = 0) -> None:
        while self._report is not None:
            try:
                message = wire.recv(self._report)
            except BlockingIOError:
                return
            if message is None:
                self._loop.forget(self._report.fileno())
                self._report.close()
                self._report = None
                self._report_ended()
            elif message.kind is wire.Kind.FAILED:
                self._fail(message.payload)
            else:
                self._come_nearer(message)

    def _come_nearer(self, message: wire.Message) -> None:
        """READY and FORKED are sent by two processes, so either may be first."""
        if message.kind is wire.Kind.FORKED:
            self._born(message.payload["pid"])
        elif message.kind is wire.Kind.READY:
            self._is_ready = True
            if message.fds:
                self._streams.open_terminal(message.fds[0], self._stdin)
        if self.pid and self._is_ready:
            self.phase = Phase.READY
            self._owner.ready()

    def _born(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self._loop.watch(self.pidfd, READABLE, self._ended)

    def _ended(self, _events: int) -> None:
        """The process is a zombie, ours to wait for."""
        # What it said last may not be read yet.
        self._read_report()
        self._loop.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1
        _, status = os.waitpid(self.pid, 0)
        # The end of the report may come later, because a helper holds it too.
        self._be_running()
        code = os.waitstatus_to_exitcode(status)
        if self.phase is Phase.MAKING:
            self._fail(_DIED if code >= 0 else wire.failure("report", 0, _KILLED, 128 - code))
        elif self.phase is not Phase.FAILED:
            self.phase = Phase.GONE
            self._owner.exited(code if code >= 0 else 128 - code, time.time_ns(), max(-code, 0))

    def _report_ended(self) -> None:
        if self._helper:
            # All who could report have ended or executed the program, so this wait is short.
            os.waitpid(self._helper, 0)
        self._be_running()
        if self.phase is Phase.MAKING and not self.pid:
            self._fail(_DIED)

    def _be_running(self) -> None:
        """The process said no more after GO: it has executed the program."""
        if self.phase is Phase.GOING:
            self.phase = Phase.RUNNING
            self._owner.executed()

    def _fail(self, failure: dict[str, Any]) -> None:
        if self.phase is not Phase.FAILED:
            self.phase = Phase.FAILED
            self._owner.failed(failure)


class _Pipes:
    """Three pipes; without *stdin* the child's is /dev/null, and the shim's end of it is None."""

    def __init__(self, stdin: bool) -> None:
        child_stdin, shim_stdin = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), None)
        shim_stdout, child_stdout = os.pipe()
        shim_stderr, child_stderr = os.pipe()
        self.theirs = (child_stdin, child_stdout, child_stderr)
        self.ours = (shim_stdin, shim_stdout, shim_stderr)

    def close(self, *fds: int | None) -> None:
        for fd in fds:
            if fd is not None:
                os.close(fd)
