"""How the shim has processes made: the init by a helper that was forked ahead and leaves, a session's by its own fork.

What the helper does touches much of the memory that the shim shares with all other shims, and ends with it. Its child
is the shim's too. The shim waits for what is made here and need not be a subreaper: orphans go to the init of their PID
namespace.
"""

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from ck.plugins.builtin.runtime_native.child import init, wire
from ck.plugins.builtin.runtime_native.child.init import Stdio
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan, Plan
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed

Make = Callable[[socket.socket, Stdio], int]
"""Forks a process that reports to the socket and has these streams; returns its PID. Raises: StepFailed, OSError."""

Order = Callable[[str, socket.socket, Stdio], int]
"""As Make, for the init of the container in a plan file: a child of the caller's parent."""


def session_maker(plan_file: int, cgroup: CgroupPlan, init_pid: int) -> Make:
    """Makes an exec session's process of the plan in the fd *plan_file*, JSON of plan.ExecPlan."""

    def make(report: socket.socket, stdio: Stdio) -> int:
        # For good: all that the shim forks from here on are sessions of this container.
        init.before_exec_fork(init_pid)
        pid = init.fork(cgroup)
        if pid == 0:
            # The child's to read, because what it touches then is its own memory, not the shim's.
            init.run_exec(lambda: _load(plan_file), report, stdio, init_pid)
        return pid

    return make


def make_init(plan_file: str, report: socket.socket, stdio: Stdio) -> int:
    """The Order of every container; *plan_file* is JSON of plan.Plan."""
    plan: Plan = _load(plan_file)
    init.before_fork(plan)
    pid = init.fork(plan["cgroup"], sibling=True)
    if pid == 0:
        init.run_container(plan, report, stdio)
    return pid


class SpareHelper:
    """A helper forked before its container is asked for, so that the fork costs no start any time.

    `report` is the shim's end of the socket over which it gets its order and reports.
    """

    def __init__(self, obey: Order, *not_inherited: int) -> None:
        """Fork it; it closes the fds *not_inherited*. Raises: OSError."""
        self.report, theirs = wire.pair()
        self.pid = os.fork()
        if self.pid == 0:
            self.report.close()
            for fd in not_inherited:
                os.close(fd)
            _be_helper(obey, theirs)
        theirs.close()


def _be_helper(obey: Order, report: socket.socket) -> NoReturn:
    """Carry out one order in a fresh fork of the shim, report what goes wrong, end."""
    try:
        order = wire.recv(report)
        if order is not None:  # else the shim left: nothing was asked of it
            fds = order.fds
            pid = obey(order.payload["plan"], report, (fds[0], fds[1], fds[2]) if fds else None)
            wire.HelperToShim(report).forked(pid)
    except StepFailed as exc:
        _tell(report, exc.errno, exc.message)
    except BaseException as exc:
        _tell(report, 0, f"the container's shim failed to make a process: {exc!r}")
    finally:
        # Nothing may unwind into the shim's own code.
        os._exit(0)


def _tell(report: socket.socket, errno: int, message: str) -> None:
    with suppress(OSError):  # the shim is gone: nobody is left to tell
        wire.HelperToShim(report).failed("fork", errno, message)


def _load(file: str | int) -> Any:
    with open(file, "rb", closefd=isinstance(file, str)) as plan:
        return json.load(plan)
