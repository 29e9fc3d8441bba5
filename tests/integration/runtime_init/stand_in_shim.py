"""What the shim does with container init, and no more: a fresh, single-threaded process, since pytest has threads.

Run as `python -I -S stand_in_shim.py SRC`, a request in JSON on standard input, the outcome in JSON on standard output.
"""

import copy
import functools
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn, TypedDict

sys.path.insert(0, sys.argv[1])

from ck.kernel.linux.process import set_child_subreaper, set_dumpable
from ck.plugins.builtin.runtime_native.child import init, wire
from ck.plugins.builtin.runtime_native.child.plan import ExecPlan, Plan
from ck.plugins.builtin.runtime_native.child.steps import cgroup
from ck.plugins.builtin.runtime_native.child.steps.cgroup import group_of
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed


class Ended(TypedDict):
    """The outcome of one process: some of the fields of outcome.Outcome, which needs more than the standard library."""

    code: int
    stdout: str
    stderr: str
    failure: dict[str, Any] | None
    executed_after: float | None


class Running:
    """One forked process and its streams."""

    def __init__(self, plan: Plan | ExecPlan, run: Callable[[socket.socket, init.Stdio], NoReturn]) -> None:
        self.began = time.perf_counter()
        self.output = {1: b"", 2: b""}
        self.failure: dict[str, Any] | None = None
        self.executed_after: float | None = None
        terminal = plan["process"]["terminal"] is not None
        self.report, theirs = wire.pair()
        pipes = [os.pipe() for _ in range(3)]
        stdio = None if terminal else (pipes[0][0], pipes[1][1], pipes[2][1])
        self.pid = init.fork(plan["cgroup"])
        if self.pid == 0:
            run(theirs, stdio)
        theirs.close()
        for fd in (pipes[0][0], pipes[1][1], pipes[2][1]):
            os.close(fd)
        self.stdin = pipes[0][1]
        self.readers = {pipes[1][0]: 1, pipes[2][0]: 2}

    def start(self) -> bool:
        """READY, GO, executed; whether it was."""
        message = wire.recv(self.report)
        if message is None:
            self.failure = {"message": "the child died without a word"}
            return False
        if message.kind is wire.Kind.FAILED:
            self.failure = message.payload
            return False
        if message.fds:
            self.readers[message.fds[0]] = 1
        with suppress(BrokenPipeError):  # a session does not wait for it, and may be over
            wire.ShimToChild(self.report).go()
        message = wire.recv(self.report)
        if message is not None:
            self.failure = message.payload
            return False
        self.executed_after = time.perf_counter() - self.began
        return True

    def finish(self, signals: Iterable[int] = ()) -> Ended:
        """Read to the end, reap; the outcome."""
        signals = list(signals)
        while self.readers:
            for fd in select.select(list(self.readers), [], [])[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    data = b""  # EIO: nobody has the terminal open any more
                if not data:
                    del self.readers[fd]
                    os.close(fd)
                else:
                    self.output[self.readers[fd]] += data
                    if b"ready" in self.output[1] and signals:
                        os.kill(self.pid, signals.pop(0))
        _, status = os.waitpid(self.pid, 0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "stdout": self.output[1].decode(),
            "stderr": self.output[2].decode(),
            "failure": self.failure,
            "executed_after": self.executed_after,
        }


def main() -> None:
    request = json.load(sys.stdin)
    plan = request["plan"]
    set_child_subreaper()
    set_dumpable(False)  # as the forkserver, whose child a shim is
    group = group_of(plan["cgroup"])
    execs: list[Ended] = []
    outcome: dict[str, object] = {"execs": execs}
    # An fd that would leak, had the child not been careful.
    leak = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(leak, True)
    began = time.perf_counter()
    try:
        cgroup.create(plan["cgroup"])
        init.before_fork(plan)
    except StepFailed as exc:
        json.dump({"failure": {"message": exc.message}, "execs": []}, sys.stdout)
        return
    outcome["before_fork"] = time.perf_counter() - began
    container = Running(plan, functools.partial(init.run_container, plan))
    try:
        if container.start():
            outcome["cgroup_pids"] = len(group.pids())
            for exec_plan in request["execs"]:
                load = functools.partial(copy.copy, exec_plan)
                session = Running(exec_plan, functools.partial(init.run_exec, load, init_pid=container.pid))
                session.start()
                os.close(session.stdin)
                execs.append(session.finish())
        os.close(container.stdin)
        outcome |= container.finish(request["signals"])
    finally:
        group.kill()
        group.remove()
    json.dump(outcome, sys.stdout)


main()
