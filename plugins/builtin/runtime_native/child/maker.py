"""The helper that makes a process for the shim and leaves: a fork of the shim, whose own child is the shim's too.

What it does touches much of the memory that the shim shares with all other shims, and it changes what the kernel keeps
per process (the PID namespace of children). Both end with it.

The shim waits for what is made here and need not be a subreaper: orphans go to the init of their PID namespace.
"""

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from ck.plugins.builtin.runtime_native.child import init, wire
from ck.plugins.builtin.runtime_native.child.init import Stdio
from ck.plugins.builtin.runtime_native.child.plan import ExecPlan, Plan
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed

Make = Callable[[socket.socket, Stdio], None]
"""Makes a process that reports to the socket and has these streams, as a child of the caller's parent."""


def container_maker(plan_file: str) -> Make:
    """Makes the init of the container in *plan_file*, JSON of plan.Plan."""

    def make(report: socket.socket, stdio: Stdio) -> None:
        with open(plan_file, "rb") as file:
            plan: Plan = json.load(file)
        init.before_fork(plan)
        _fork(plan, report, lambda: init.run_container(plan, report, stdio))

    return make


def session_maker(plan_file: int, init_pid: int) -> Make:
    """Makes an exec session's process of the plan in the fd *plan_file*, JSON of plan.ExecPlan."""

    def make(report: socket.socket, stdio: Stdio) -> None:
        with open(plan_file, "rb", closefd=False) as file:
            plan: ExecPlan = json.load(file)
        init.before_exec_fork(init_pid)
        _fork(plan, report, lambda: init.run_exec(plan, report, stdio, init_pid))

    return make


class SpareHelper:
    """A helper forked before its container is asked for, so that the fork costs no start any time.

    `report` is the shim's end of the socket over which it gets its order and reports.
    """

    def __init__(self, *not_inherited: int) -> None:
        """Fork it; it closes the fds *not_inherited*. Raises: OSError."""
        self.report, theirs = wire.pair()
        self.pid = os.fork()
        if self.pid == 0:
            self.report.close()
            for fd in not_inherited:
                os.close(fd)
            be_helper(_obey, theirs, None)
        theirs.close()


def _obey(report: socket.socket, _: Stdio) -> None:
    order = wire.recv(report)
    if order is not None:  # else the shim left: nothing was asked of it
        fds = order.fds
        container_maker(order.payload["plan"])(report, (fds[0], fds[1], fds[2]) if fds else None)


def be_helper(make: Make, report: socket.socket, stdio: Stdio) -> NoReturn:
    """Do *make* in a fresh fork of the shim, report what goes wrong, end."""
    try:
        make(report, stdio)
    except StepFailed as exc:
        _tell(report, exc.errno, exc.message)
    except BaseException as exc:
        _tell(report, 0, f"the container's shim failed to make a process: {exc!r}")
    finally:
        # Nothing may unwind into the shim's own code.
        os._exit(0)


def _fork(plan: Plan | ExecPlan, report: socket.socket, run: Callable[[], NoReturn]) -> None:
    pid = init.fork(plan, sibling=True)
    if pid == 0:
        run()
    wire.HelperToShim(report).forked(pid)


def _tell(report: socket.socket, errno: int, message: str) -> None:
    with suppress(OSError):  # the shim is gone: nobody is left to tell
        wire.HelperToShim(report).failed("fork", errno, message)
