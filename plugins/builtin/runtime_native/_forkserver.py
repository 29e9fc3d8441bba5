"""ckd's side of the forkserver: start it, keep it warm, have it fork shims."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import trio

from ck.kernel.errors import Unavailable
from ck.kernel.linux.executable import open_read_only
from ck.plugins.builtin.runtime_native.child import wire

_BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from ck.plugins.builtin.runtime_native.child.forkserver import main; main(int(sys.argv[2]), *sys.argv[3:5])"
)
_EXECUTE: Final = "import os, sys; os.execve(sys.argv[1], sys.argv[2:], {})"
_PACKAGES: Final = Path(__file__).parents[4]
"""Where the package `ck` is. Not resolved: in a source tree its parts are links to elsewhere."""

_STOP_SECONDS: Final = 5.0


@contextmanager
def _interpreter() -> Iterator[int]:
    """Python itself as an fd through which nobody can write to it, whoever gets hold of /proc/PID/exe of a container's
    init: a program may be `/proc/self/exe`, or a script that names that as its interpreter."""
    fd = open_read_only(os.path.realpath(sys.executable))
    try:
        yield fd
    finally:
        os.close(fd)


class Forkserver:
    """One forkserver at a time; *log* gets what it and its shims have to complain of."""

    def __init__(self, log: Path, group: str = "", prefix: Sequence[str] = ()) -> None:
        """*group* is the control group that it makes for itself and its shims, "" for ckd's own. *prefix* goes before
        its command where the group above that is not there yet."""
        self._log = log
        self._group, self._prefix = group, prefix
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._lock = trio.Lock()

    @property
    def alive(self) -> bool:
        """Whether the one that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the one that was started last."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start one, unless it runs. Raises: Unavailable."""
        async with self._lock:
            await self._ensure()

    async def spawn(self, plan: Path, directory: Path, control: socket.socket, settings: Mapping[str, Any]) -> None:
        """Fork a shim; it answers over the other end of *control*. See wire.CkdToForkserver. Raises: Unavailable."""
        await self._send(lambda ckd: ckd.spawn(str(plan), str(directory), control.fileno(), settings))

    async def namespaces(self, control: socket.socket) -> None:
        """Fork a holder of namespaces; it answers over the other end of *control*. Raises: Unavailable."""
        await self._send(lambda ckd: ckd.namespaces(control.fileno()))

    async def _send(self, send: Callable[[wire.CkdToForkserver], None]) -> None:
        async with self._lock:
            for _ in range(2):
                sock = await self._ensure()
                try:
                    while True:
                        try:
                            send(wire.CkdToForkserver(sock))
                            return
                        except BlockingIOError:
                            await trio.lowlevel.wait_writable(sock)
                except OSError:
                    await self._stop()
        raise Unavailable(f"the forkserver dies as soon as it is started; {self._log} may say why")

    async def close(self) -> None:
        """Let it go; the shims live on."""
        async with self._lock:
            await self._stop()

    async def _ensure(self) -> socket.socket:
        if self._sock is None or not self.alive:
            await self._stop()
            await trio.to_thread.run_sync(self._start)
        assert self._sock is not None
        return self._sock

    def _start(self) -> None:
        # What one has left that was killed while it rehearsed: nobody takes that for a run.
        shutil.rmtree(self._log.parent / wire.REHEARSALS, ignore_errors=True)
        ours, theirs = wire.pair()
        try:
            with theirs, self._log.open("ab") as log, _interpreter() as interpreter:
                # subprocess uses vfork and never runs Python in the child, so ckd's threads do no harm.
                # The last argument is for ps(1), which shows it for each shim: whose it is.
                arguments = [str(_PACKAGES), str(theirs.fileno()), str(self._log.parent)]
                command = [sys.executable, "-I", "-S", "-OO", "-X", "utf8", "-c", _BOOT, *arguments, self._group]
                program = f"/proc/self/fd/{interpreter}"
                if self._prefix and not Path(self._group).parent.is_dir():
                    # Somebody else executes it, and cannot be told a program and its name apart.
                    command = [*self._prefix, sys.executable, "-I", "-S", "-c", _EXECUTE, program, *command]
                    program = shutil.which(command[0]) or command[0]
                self._process = subprocess.Popen(
                    command,
                    executable=program,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd="/",
                    env={},
                    pass_fds=(theirs.fileno(), interpreter),
                    start_new_session=True,
                )
        except OSError as exc:
            ours.close()
            raise Unavailable(f"the forkserver could not be started: {exc}") from exc
        ours.setblocking(False)
        self._sock = ours

    async def _stop(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self._process is not None:
            process, self._process = self._process, None
            # Shielded, because a cancelled close must not leave a zombie; bounded, because it ends at its socket's end.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _STOP_SECONDS):
                await trio.to_thread.run_sync(process.wait, _STOP_SECONDS, abandon_on_cancel=True)
