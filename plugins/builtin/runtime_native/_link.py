"""ckd's end of the connection to one shim."""

import itertools
import json
import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import trio

from ck.kernel.errors import CkError, Conflict, StartFailed, Unavailable
from ck.kernel.linux.cgroup import Oom
from ck.plugins.builtin.runtime_native.child import wire

EXIT_FILE: Final = "exit"
ANSWER_SECONDS: Final = 10.0
_UCRED: Final = struct.Struct("iII")  # struct ucred, unix(7)


def start_failed(failure: dict[str, Any]) -> CkError:
    """The error for a FAILED, or for the REFUSED of a GO or an EXEC; *failure* has the fields of wire.failure."""
    return StartFailed(failure["message"], failure["exit_code"])


def shim_pid(directory: Path) -> int:
    """The PID of the shim that listens in *directory*, which is there, since it listens; 0 where none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        try:
            wire.at(str(directory), sock.connect)
        except OSError:
            return 0
        pid, _, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return int(pid)


def _conflict(failure: dict[str, Any]) -> CkError:
    return Conflict(failure["message"])


class ShimLink:
    """Asks one shim and learns what it tells.

    `exit`, `execs` and `oom` are what is known of ends and of kills for want of memory; `gone` says that no shim is
    there to tell more.

    Whoever waits for something reads the socket for all: no task runs while nobody waits, so none can be lost or leak.
    A connection that breaks while the shim lives is made anew.
    """

    def __init__(self, container_id: str, directory: Path, sock: socket.socket | None) -> None:
        self.pid = 0
        self.pidfd = -1
        self.started = True
        self.exit: dict[str, Any] | None = None
        self.execs: dict[str, dict[str, Any] | None] = {}
        self.oom = Oom(0, "")
        self.gone = False
        self._container_id = container_id
        self._directory = directory
        self._numbers = itertools.count(1)
        self._answers: dict[int, wire.Message | None] = {}
        self._failure: dict[str, Any] | None = None
        self._deleting = False
        self._reading = False
        self._read = trio.lowlevel.ParkingLot()
        self._sock = sock
        if sock is None:
            self._reconnect()
        else:
            sock.setblocking(False)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until *true*, which looks at what is known here, or until the shim is gone."""
        while not true() and not self.gone:
            if self._reading:
                await self._read.park()
                continue
            assert self._sock is not None
            self._reading = True
            try:
                await trio.lowlevel.wait_readable(self._sock)
                self._receive()
            except trio.ClosedResourceError:
                continue  # a sender found the connection broken, and has taken in what it said and made a new one
            finally:
                self._reading = False
                # One of the others reads next, also where this one was cancelled.
                self._read.unpark_all()

    async def ready(self) -> None:
        """Wait for a new shim's READY, or for its death without a word (`gone`). Raises: StartFailed."""
        await self.until(lambda: self.pid != 0 or self._failure is not None)
        if self._failure is not None:
            raise start_failed(self._failure)

    async def ask(
        self,
        send: Callable[[wire.CkdToShim, int], None],
        seconds: float = ANSWER_SECONDS,
        refusal: Callable[[dict[str, Any]], CkError] = _conflict,
    ) -> dict[str, Any]:
        """Send a request, return what its DONE carries.

        Raises: what *refusal* makes of a REFUSED; Conflict where the shim is gone, so the container is over;
        Unavailable where it does not answer in time.
        """
        number = next(self._numbers)
        self._answers[number] = None
        try:
            with trio.fail_after(seconds):
                await self._send(lambda ckd: send(ckd, number))
                await self.until(lambda: self._answers[number] is not None)
        except trio.TooSlowError as exc:
            raise Unavailable(
                f"the shim of container {self._container_id} did not answer within {seconds:g} seconds"
            ) from exc
        finally:
            answer = self._answers.pop(number)
        if answer is None:
            raise Conflict(f"container {self._container_id} is not running")
        if answer.kind is wire.Kind.REFUSED:
            raise refusal(answer.payload)
        return answer.payload

    async def learn(self, seconds: float = ANSWER_SECONDS) -> None:
        """Ask for all there is to know. Raises: Unavailable."""
        if not self.gone:
            try:
                await self.ask(lambda ckd, number: ckd.state(number), seconds)
            except Conflict:
                return  # It has left meanwhile, and said all in its exit file.

    async def say_delete(self, seconds: float) -> bool:
        """Tell the shim that the run is over; whether it hung up within *seconds*."""
        with trio.move_on_after(seconds):
            self._deleting = True
            await self._send(lambda ckd: ckd.delete(next(self._numbers)))
            await self.until(lambda: False)
        return self.gone

    def close(self) -> None:
        """Hang up."""
        self.gone = True
        if self._sock is not None:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()
            self._sock = None
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self._read.unpark_all()

    def signal_shim(self, number: signal.Signals) -> None:
        """For a shim that does not answer; one that is gone is success."""
        if pid := shim_pid(self._directory):
            os.kill(pid, number)

    async def _send(self, send: Callable[[wire.CkdToShim], None]) -> None:
        while self._sock is not None:
            try:
                send(wire.CkdToShim(self._sock))
                return
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)
            except (OSError, trio.ClosedResourceError):
                # What it said before it hung up may still wait to be read.
                self._receive()

    def _receive(self) -> None:
        """Take in all that has come."""
        while self._sock is not None:
            try:
                message = wire.recv(self._sock)
            except BlockingIOError:
                return
            except (OSError, wire.WireError):
                message = None
            if message is None:
                self._reconnect()
            else:
                self._take(message)

    def _take(self, message: wire.Message) -> None:
        payload, fds = message.payload, message.fds
        match message.kind:
            case wire.Kind.READY:
                self._meet(payload["pid"], fds)
            case wire.Kind.FAILED:
                self._failure = payload
            case wire.Kind.EXITED:
                self.exit = payload
            case wire.Kind.OOM:
                self.oom = Oom(payload["kills"], payload["limit"])
            case wire.Kind.EXEC_EXITED:
                self.execs[payload["exec_id"]] = payload
            case wire.Kind.DONE | wire.Kind.REFUSED:
                if "execs" in payload:
                    self._meet(payload["pid"], fds)
                    self.started = payload["started"]
                    self.exit = payload["exit"]
                    self.execs.update(payload["execs"])
                    self.oom = Oom(*payload["oom"])
                if payload["request"] in self._answers:
                    self._answers[payload["request"]] = message
        for fd in fds:
            os.close(fd)

    def _meet(self, pid: int, fds: list[int]) -> None:
        self.pid = pid
        if fds and self.pidfd < 0:
            self.pidfd = fds.pop()

    def _reconnect(self) -> None:
        """Call a shim again that has hung up; read what it left if nobody answers."""
        if self._sock is not None:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()
            self._sock = None
        if self._deleting:
            self.gone = True
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            wire.at(str(self._directory), sock.connect)
            # Requests that were under way are lost with the old connection, but nothing of what happened is.
            wire.CkdToShim(sock).state(0)
        except OSError:
            sock.close()
            self.gone = True
            self._read_exit_file()
        else:
            self._sock = sock

    def _read_exit_file(self) -> None:
        try:
            status = json.loads((self._directory / EXIT_FILE).read_bytes())
        except FileNotFoundError:
            return
        self.execs.update(status.pop("execs"))
        self.exit = status
