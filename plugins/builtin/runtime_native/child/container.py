"""The container as its shim sees it: the init with its streams and log, the exec sessions, the exit status."""

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from ck.kernel.linux.cgroup import Oom
from ck.kernel.spool import Writer, open_writer
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.control import Control
from ck.plugins.builtin.runtime_native.child.loop import Loop
from ck.plugins.builtin.runtime_native.child.maker import session_maker
from ck.plugins.builtin.runtime_native.child.oom import OomWatch
from ck.plugins.builtin.runtime_native.child.plan import CgroupPlan
from ck.plugins.builtin.runtime_native.child.process import Phase, Process
from ck.plugins.builtin.runtime_native.child.requests import Requests
from ck.plugins.builtin.runtime_native.child.sessions import ExecSession
from ck.plugins.builtin.runtime_native.child.spill import unlinked_file
from ck.plugins.builtin.runtime_native.child.steps.cgroup import group_of, layout_of
from ck.plugins.builtin.runtime_native.child.streams import Streams

EXIT_FILE: Final = "exit"
DRAIN_SECONDS: Final = 5.0

Going = Callable[[dict[str, Any] | None, int], None]
"""Takes what came of GO: None or the fields of wire.failure, and when (UNIX, ns)."""


class Container:
    """Ties the shim's parts together; itself the process.Owner of the init.

    *settings* are those of wire.CkdToForkserver.spawn. *directory* gets `shim.sock` and, at the end, `exit`: JSON with
    the fields of EXITED, and `execs` as STATE has it.
    """

    def __init__(self, settings: dict[str, Any], directory: str, connection: socket.socket) -> None:
        self._directory = directory
        self._cgroup: CgroupPlan = settings["cgroup"]
        self._group = group_of(self._cgroup)
        self._layout = layout_of(self._cgroup)
        log_directory: str = settings["log_directory"]
        self._spill_directory = os.path.dirname(log_directory)
        self._log: Writer = open_writer(
            settings["log_format"], log_directory, settings["log_max_size"], settings["log_max_files"]
        )
        self._loop = Loop()
        self._execs: dict[str, ExecSession] = {}
        self._going: Going | None = None
        self._status: dict[str, Any] | None = None
        self._deleted = False
        self._streams = Streams(
            self._loop,
            terminal=settings["terminal"],
            stdin_once=settings["stdin_once"],
            sink=self._log.write,
            open_spill=self._open_spill,
            emptied=self._leave_when_done,
        )
        self._init = Process(self._loop, self._streams, self, stdin=settings["open_stdin"])
        self._oom = OomWatch(self._loop, self._layout, self._group, self._out_of_memory)
        self._control = Control(self._loop, connection, Requests(self).serve, self._alone)

    def run(self, begin: Callable[[Process], None]) -> None:
        """Live the life of the container whose init *begin* has made. Raises: OSError where nothing can be forked."""
        begin(self._init)
        self._loop.run()

    # What becomes of the init (process.Owner)

    def ready(self) -> None:
        """See process.Owner."""
        # Not earlier: a directory with the socket in it holds a container that was made.
        self._control.listen(self._directory)
        self._control.tell(lambda ckd: ckd.ready(self._init.pid, self._init.pidfd))

    def executed(self) -> None:
        """See process.Owner."""
        if self._going is not None:
            self._going(None, time.time_ns())
        with suppress(OSError):  # a short life, or a host that does not tell: the end tells too
            self._oom.begin()

    def failed(self, failure: dict[str, Any]) -> None:
        """See process.Owner.

        A container that could not be made leaves nothing; one that could not be executed has ended.
        """
        if self._going is None:
            self._control.tell(lambda ckd: ckd.failed(failure))
            self._loop.stop()
        else:
            now = time.time_ns()
            self._going(failure, now)
            self.exited(failure["exit_code"], now, 0)

    def exited(self, code: int, at: int, signal: int) -> None:
        """See process.Owner."""
        # With a PID namespace of its own all others died with the init. Without, they would hold its output open.
        self._group.kill()
        self._oom.close()
        oom = self._oom.last.limit
        self._streams.drain(
            DRAIN_SECONDS, lambda: self._drained({"code": code, "time": at, "oom": oom, "signal": signal})
        )

    def _drained(self, status: dict[str, Any]) -> None:
        # The order is the promise: the log is whole before the status is on disk, and that before anyone is told.
        self._log.close()
        self._status = status
        self._write_status()
        self._control.tell(lambda ckd: ckd.exited(status))
        self._streams.finish(status["code"])
        if self._deleted:
            self._control.close()
        self._leave_when_done()

    # What ckd may ask (requests.Requests)

    def go(self, answer: Going) -> bool:
        """Execute the program, then call *answer*. Return False where it was asked before."""
        if self._init.phase is not Phase.READY:
            return False
        self._going = answer
        self._init.go()
        return True

    def attach(self, client: socket.socket, options: dict[str, Any]) -> None:
        """Serve one more client of the init's streams."""
        self._streams.attach(client, options)

    def streams(self, target: str) -> Streams | None:
        """Those of the session *target*, of the init for "". None where there is no such session."""
        if not target:
            return self._streams
        session = self._execs.get(target)
        return session.streams if session is not None else None

    def exec(self, ckd: wire.ShimToCkd, request: dict[str, Any], plan: int, client: socket.socket | None) -> None:
        """Start a session, which answers *ckd* itself; *plan* is an fd.

        Raises: StepFailed, OSError where nothing can be forked.
        """
        session = ExecSession(self._loop, self._control, ckd, request, self._open_spill, self._exec_changed)
        session.start(session_maker(plan, self._cgroup, self._init.pid), client)
        self._execs[request["exec_id"]] = session

    def session(self, exec_id: str) -> ExecSession | None:
        """The session of that ID, unless it was forgotten."""
        return self._execs.get(exec_id)

    def is_running(self) -> bool:
        """Whether sessions can be started."""
        return self._init.phase is Phase.RUNNING

    def state(self) -> dict[str, Any]:
        """What STATE's answer carries."""
        return {
            "pid": self._init.pid,
            "started": self._going is not None,
            "exit": self._status,
            "oom": list(self._oom.last),
            "execs": {exec_id: session.status for exec_id, session in self._execs.items()},
        }

    @property
    def pidfd(self) -> int:
        """The init's, -1 unless it exists."""
        return self._init.pidfd

    def delete(self) -> None:
        """Ckd has no more questions, and wants the directory for itself."""
        self._deleted = True
        if self._status is None:
            self._group.kill()
        else:
            self._control.close()
            self._leave_when_done()

    def answer(self, ckd: wire.ShimToCkd, send: Callable[[wire.ShimToCkd], None]) -> None:
        """Tell one connection, if it is still there."""
        self._control.answer(ckd, send)

    # The rest

    def _out_of_memory(self, oom: Oom) -> None:
        self._control.tell(lambda ckd: ckd.oom(oom.kills, oom.limit))

    def _alone(self) -> None:
        """The last connection is lost. A container that was never told to be ready is nobody's."""
        if self._init.phase is Phase.MAKING:
            self._group.kill()
            self._loop.stop()

    def _exec_changed(self) -> None:
        self._execs = {
            exec_id: session for exec_id, session in self._execs.items() if not (session.forgotten and session.over)
        }
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._status is None or not self._streams.empty:
            return
        if all(session.over for session in self._execs.values()):
            # Sessions may have ended since.
            self._write_status()
            self._loop.stop()

    def _write_status(self) -> None:
        if self._deleted:
            return
        text = json.dumps({**(self._status or {}), "execs": self.state()["execs"]})
        new = os.path.join(self._directory, f".{EXIT_FILE}")
        with open(new, "w") as file:
            file.write(text)
        os.rename(new, os.path.join(self._directory, EXIT_FILE))

    def _open_spill(self) -> int:
        return unlinked_file(self._spill_directory)
