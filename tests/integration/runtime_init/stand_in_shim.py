"""What the shim does with container init, and no more: a fresh, single-threaded process, since pytest has threads.

Run as `python -I -S stand_in_shim.py SRC`, a request in JSON on standard input, the outcome in JSON on standard output.
"""

import json
import os
import select
import sys
import time

sys.path.insert(0, sys.argv[1])

from ck.kernel.linux.process import set_child_subreaper
from ck.plugins.builtin.runtime_native.child import init, wire
from ck.plugins.builtin.runtime_native.child.steps.cgroup import group_of
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed


class Running:
    """One forked process and its streams."""

    def __init__(self, plan, run):
        self.began = time.perf_counter()
        self.output = {1: b"", 2: b""}
        self.failure = None
        self.executed_after = None
        terminal = plan["process"]["terminal"] is not None
        self.report, theirs = wire.pair()
        pipes = [os.pipe() for _ in range(3)]
        stdio = None if terminal else (pipes[0][0], pipes[1][1], pipes[2][1])
        self.pid = init.fork(plan)
        if self.pid == 0:
            run(theirs, stdio)
        theirs.close()
        for fd in (pipes[0][0], pipes[1][1], pipes[2][1]):
            os.close(fd)
        self.stdin = pipes[0][1]
        self.readers = {pipes[1][0]: 1, pipes[2][0]: 2}
        self.master = None

    def start(self):
        """READY, GO, executed; whether it was."""
        message = wire.recv(self.report)
        if message is None:
            self.failure = {"message": "the child died without a word"}
            return False
        if message.kind is wire.Kind.FAILED:
            self.failure = message.payload
            return False
        if message.fds:
            self.master = message.fds[0]
            self.readers[self.master] = 1
        self.before_go()
        wire.ShimToChild(self.report).go()
        message = wire.recv(self.report)
        if message is not None:
            self.failure = message.payload
            return False
        self.executed_after = time.perf_counter() - self.began
        return True

    def before_go(self):
        """For the parent to look at what waits."""

    def finish(self, signals=()):
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


def main():
    request = json.load(sys.stdin)
    plan = request["plan"]
    set_child_subreaper()
    group = group_of(plan["cgroup"])
    outcome = {"execs": []}
    # An fd that would leak, had the child not been careful.
    leak = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(leak, True)
    began = time.perf_counter()
    try:
        init.before_fork(plan)
    except StepFailed as exc:
        json.dump({"failure": {"message": exc.message}, "execs": []}, sys.stdout)
        return
    outcome["before_fork"] = time.perf_counter() - began
    container = Running(plan, lambda report, stdio: init.run_container(plan, report, stdio))
    try:
        if container.start():
            outcome["cgroup_pids"] = len(group.pids())
            for exec_plan in request["execs"]:
                session = Running(
                    exec_plan,
                    lambda report, stdio, p=exec_plan: init.run_exec(p, report, stdio, container.pid),
                )
                session.start()
                os.close(session.stdin)
                outcome["execs"].append(session.finish())
        os.close(container.stdin)
        outcome |= container.finish(request["signals"])
    finally:
        group.kill()
        group.remove()
    json.dump(outcome, sys.stdout)


main()
