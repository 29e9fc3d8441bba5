"""One run of a container, as the engine drives it."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import trio

from ck.kernel.drivers.runtime import AttachRequest, ExecRequest, ExecStarted, ExitStatus, TerminalSize
from ck.kernel.errors import Conflict, NotFound, StartFailed, Unavailable
from ck.kernel.linux.cgroup import AccountReader, Group, Setting, unreclaimable
from ck.kernel.linux.process import is_ending
from ck.kernel.linux.process_state import describe_process, process_state
from ck.plugins.builtin.runtime_native._host import HostFacts
from ck.plugins.builtin.runtime_native._link import EXIT_FILE, ShimLink, shim_pid, start_failed
from ck.plugins.builtin.runtime_native._plan import compile_exec_plan
from ck.plugins.builtin.runtime_native._resources import compile_limits, refusal
from ck.plugins.builtin.runtime_native._section import Section
from ck.plugins.builtin.runtime_native.child import wire

PLAN_FILE: Final = "plan.json"
REMOVED: Final = "removed-"
"""How the directory of a run is called while it is deleted."""

START_SECONDS: Final = 60.0
KILL_SECONDS: Final = 10.0
FREEZE_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 2.0
TROUBLE_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 1.0  # in which a shim that is well tells of an end, or answers
KILLED: Final = 128 + signal.SIGKILL


class NativeContainer:
    """A RuntimeContainer.

    What the kernel can do without the shim (signals, kill, freeze, delete) is done without it, so that a stuck shim
    stops none of it.
    """

    def __init__(self, container_id: str, directory: Path, link: ShimLink, group: Group, host: HostFacts) -> None:
        self.container_id = container_id
        self.pid = 0  # until it is known
        self._directory = directory
        self._link = link
        self._group = group
        self._host = host
        self._burying = trio.Lock()
        self._deleting = trio.Lock()
        self._deleted = False
        self._oom_told = 0

    @property
    def over(self) -> bool:
        """See RuntimeContainer."""
        return self._link.exit is not None or self._link.gone

    async def made(self) -> bool:
        """Wait until the shim has made the container; False where the shim died. Raises: StartFailed."""
        await self._link.ready()
        self.pid = self._link.pid
        return not self._link.gone

    async def was_started(self, seconds: float) -> bool:
        """Learn from a shim that was found again what it knows; whether `start` was called. Raises: Unavailable."""
        try:
            await self._link.learn(seconds)
        except Unavailable:
            self._link.signal_shim(signal.SIGCONT)  # it may have been stopped
            await self._link.learn(seconds)
        self.pid = self._link.pid
        return self._link.started

    async def start(self) -> datetime:
        """See RuntimeContainer."""
        answer = await self._link.ask(lambda ckd, number: ckd.go(number), START_SECONDS, start_failed)
        return _moment(answer["time"])

    async def wait(self) -> ExitStatus:
        """See RuntimeContainer. A run whose shim was killed is taken for killed itself: exit code 137."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._heal_silence)
            await self._link.until(lambda: self._link.exit is not None)
            nursery.cancel_scope.cancel()
        if self._link.exit is None:
            await self._bury()
        assert self._link.exit is not None
        return _exit_status(self._link.exit)

    async def attach(self, request: AttachRequest) -> None:
        """See RuntimeContainer."""
        client, options = request.stream.fileno(), _attach_options(request)
        await self._link.ask(lambda ckd, number: ckd.attach(number, client, options))
        request.stream.close()

    async def signal(self, number: int) -> None:
        """See RuntimeContainer."""
        if self._link.pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._link.pidfd, number)
            except ProcessLookupError:
                return

    async def kill(self) -> None:
        """See RuntimeContainer."""
        await self._on_group(self._group.kill)

    async def pause(self) -> None:
        """See RuntimeContainer."""
        try:
            await trio.to_thread.run_sync(self._group.freeze, FREEZE_SECONDS)
        except TimeoutError as exc:
            raise Unavailable(f"container {self.container_id} could not be paused: {exc}") from exc

    async def resume(self) -> None:
        """See RuntimeContainer."""
        await self._on_group(self._group.thaw)

    async def resize(self, size: TerminalSize) -> None:
        """See RuntimeContainer."""
        await self.exec_resize("", size)

    async def exec(self, request: ExecRequest) -> ExecStarted:
        """See RuntimeContainer."""
        container = json.loads((self._directory / PLAN_FILE).read_bytes())
        plan = compile_exec_plan(request, container, host=self._host)
        session = {
            "terminal": plan["process"]["terminal"] is not None,
            "attach": _attach_options(request.attach) if request.attach else None,
        }
        client = request.attach.stream.fileno() if request.attach else None
        self._link.execs[request.exec_id] = None
        # Not in the message, because the shim itself has no use for it.
        memfd = os.memfd_create("ck-exec-plan", os.MFD_CLOEXEC)
        try:
            with open(memfd, "w", closefd=False) as file:  # noqa: ASYNC230 a file in memory does not block
                json.dump(plan, file)
            os.lseek(memfd, 0, os.SEEK_SET)
            answer = await self._link.ask(
                lambda ckd, number: ckd.exec(number, request.exec_id, memfd, client, session),
                START_SECONDS,
                start_failed,
            )
        except BaseException as exc:
            del self._link.execs[request.exec_id]
            if isinstance(exc, StartFailed) and is_ending(self.pid):
                # Whatever it was that failed, it did so because of that.
                raise Conflict(f"container {self.container_id} is not running") from exc
            raise
        finally:
            os.close(memfd)
        if request.attach:
            request.attach.stream.close()
        return ExecStarted(pid=answer["pid"])

    async def exec_wait(self, exec_id: str) -> ExitStatus:
        """See RuntimeContainer."""
        if exec_id not in self._link.execs:
            raise NotFound(f"container {self.container_id} has no exec session {exec_id}")
        await self._link.until(lambda: self._link.execs.get(exec_id) is not None)
        status = self._link.execs.get(exec_id)
        # A session whose shim is gone was killed with it.
        return _exit_status(status) if status else ExitStatus(code=KILLED, at=datetime.now(UTC))

    def exec_sessions(self) -> Sequence[str]:
        """See RuntimeContainer."""
        return list(self._link.execs)

    async def exec_resize(self, exec_id: str, size: TerminalSize) -> None:
        """See RuntimeContainer."""
        await self._link.ask(lambda ckd, number: ckd.resize(number, exec_id, size.rows, size.columns))

    async def exec_signal(self, exec_id: str, number: int) -> None:
        """See RuntimeContainer."""
        await self._link.ask(lambda ckd, request: ckd.exec_signal(request, exec_id, number))

    async def exec_forget(self, exec_id: str) -> None:
        """See RuntimeContainer."""
        if self._link.execs.pop(exec_id, None) is not None and not self._link.gone:
            with suppress(Conflict):  # The shim left meanwhile, and forgot all.
                await self._link.ask(lambda ckd, number: ckd.exec_forget(number, exec_id))

    async def update(self, resources: Mapping[str, Any]) -> None:
        """See RuntimeContainer."""
        enforceable = compile_limits(Section(resources, "linux.resources"), self._host)
        await self._on_group(lambda: self._update(enforceable.settings))

    def _update(self, settings: Sequence[Setting]) -> None:
        limit = next((int(s.value) for s in settings if s.file == "memory.max" and s.value != "max"), None)
        if limit is not None and (used := unreclaimable(self._group)) > limit:
            # v1 refuses by itself; v2 would rather kill the container.
            raise Conflict(f"the memory limit {limit} is below the {used} bytes that the container uses")
        try:
            self._group.update(settings)
        except OSError as exc:
            raise refusal(exc) from exc

    def meter(self) -> AccountReader:
        """See RuntimeContainer."""
        return AccountReader(self._host.cgroups, self._group)

    async def wait_oom(self) -> str:
        """See RuntimeContainer."""
        await self._link.until(lambda: self._link.oom.kills > self._oom_told)
        if self._link.oom.kills <= self._oom_told:
            await trio.sleep_forever()  # the shim is gone
        self._oom_told = self._link.oom.kills
        return self._link.oom.limit

    async def pids(self) -> Sequence[int]:
        """See RuntimeContainer."""
        return await trio.to_thread.run_sync(self._group.pids)

    async def troubles(self) -> Sequence[str]:
        """See RuntimeContainer."""
        found = []
        try:
            await self._link.learn(TROUBLE_SECONDS)
        except Unavailable as error:
            shim = shim_pid(self._directory)
            found.append(f"{error}: {describe_process(shim)}" if shim else str(error))
        stuck = [pid for pid in await self.pids() if process_state(pid) == "D"]
        return [*found, *(f"{describe_process(pid)}" for pid in stuck)]

    def namespace(self, kind: str) -> int:
        """See RuntimeContainer."""
        if self._link.pidfd >= 0:
            with suppress(FileNotFoundError, ProcessLookupError):
                fd = os.open(f"/proc/{self.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
                if self._is_there():
                    return fd
                os.close(fd)
        raise Conflict(f"container {self.container_id} is not running")

    async def delete(self) -> None:
        """See RuntimeContainer. Attached clients are still served what the container has written, by the shim alone."""
        async with self._deleting:
            if not self._deleted:
                if not await self._link.say_delete(LEAVE_SECONDS):
                    self._link.signal_shim(signal.SIGKILL)
                self._link.close()
                await trio.to_thread.run_sync(self._remove)
                self._deleted = True

    def detach(self) -> None:
        """Let go; the container runs on."""
        self._link.close()

    async def _on_group(self, do: Callable[[], None]) -> None:
        """Do it to the group of this run: once the run is deleted, the next one's has the same path."""
        async with self._deleting:
            if not self._deleted:
                await trio.to_thread.run_sync(do)

    def _is_there(self) -> bool:
        """Whether the init is not reaped yet, so that its PID was not another's a moment ago."""
        try:
            signal.pidfd_send_signal(self._link.pidfd, 0)
        except ProcessLookupError:
            return False
        return True

    async def _heal_silence(self) -> None:
        """A shim that does not tell of the end of its init was stopped, or is stuck: let it go on, else kill it."""
        if self._link.pidfd < 0:
            return
        # A copy, because several may wait, and the link closes its own.
        init = os.dup(self._link.pidfd)
        try:
            await trio.lowlevel.wait_readable(init)
        finally:
            os.close(init)
        while True:
            await trio.sleep(SILENCE_SECONDS)
            if await self._answers(SILENCE_SECONDS):
                continue  # it is busy with the last of the output
            self._link.signal_shim(signal.SIGCONT)
            if not await self._answers(SILENCE_SECONDS):
                self._link.signal_shim(signal.SIGKILL)
                return

    async def _answers(self, seconds: float) -> bool:
        try:
            await self._link.learn(seconds)
        except Unavailable:
            return False
        return True

    async def _bury(self) -> None:
        """The shim is gone without a status: end the run, and leave the one that shims leave in such a case."""
        async with self._burying:
            if self._link.exit is None:
                await trio.to_thread.run_sync(self._kill_all)
                status = {"code": KILLED, "time": time.time_ns(), "oom": "", "signal": int(signal.SIGKILL)}
                with suppress(FileNotFoundError):  # somebody has cleared the run root
                    (self._directory / EXIT_FILE).write_text(json.dumps({**status, "execs": {}}))
                self._link.exit = status

    def _remove(self) -> None:
        self._kill_all()
        self._group.remove()
        # By way of a name that is no run's: what a crash leaves of it must not be taken for one.
        gone = self._directory.with_name(REMOVED + self._directory.name)
        with suppress(FileNotFoundError):
            shutil.rmtree(gone)  # of an attempt that failed
        with suppress(FileNotFoundError):
            self._directory.rename(gone)
            shutil.rmtree(gone)

    def _kill_all(self) -> None:
        self._group.kill()
        if not self._group.wait_empty(KILL_SECONDS):
            held = "; ".join(describe_process(pid) for pid in self._group.pids())
            raise Unavailable(
                f"a process of container {self.container_id} does not end within {KILL_SECONDS:g} seconds: {held}"
            )


def _attach_options(request: AttachRequest) -> dict[str, Any]:
    return wire.attach_options(
        stdin=request.stdin,
        stdout=request.stdout,
        stderr=request.stderr,
        status=request.status,
        initial=request.initial,
        detach_keys=request.detach_keys,
    )


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def _exit_status(status: dict[str, Any]) -> ExitStatus:
    return ExitStatus(
        code=status["code"],
        at=_moment(status["time"]),
        oom_killed=bool(status["oom"]),
        oom_limit=status["oom"],
        signal=status["signal"],
    )
