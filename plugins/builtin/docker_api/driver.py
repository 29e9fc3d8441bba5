"""The front end "docker": a unix socket, who may open it, and the life of its connections."""

import grp
import logging
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio

from ck.kernel.api.caller import CALLER, Caller
from ck.kernel.api.engine import Engine
from ck.kernel.errors import Conflict, InvalidArgument
from ck.kernel.hookspecs import Options
from ck.plugins.builtin.docker_api.connection import Connection
from ck.plugins.builtin.docker_api.dispatch import Dispatcher

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5.0
"""How long a stopping server lets requests that have begun come to their end."""

BACKLOG: Final = 512
_UCRED: Final = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


class DockerApi:
    """Options: `socket`, the path to listen on (required), and `group`, whose members may connect besides root."""

    name = "docker"

    def __init__(self, options: Options, engine: Engine) -> None:
        unknown = sorted(set(options) - {"socket", "group"})
        if unknown:
            raise InvalidArgument(f"front end docker has no option {unknown[0]!r}: it takes socket and group")
        if not options.get("socket"):
            raise InvalidArgument("front end docker needs the option socket, the path to listen on")
        self._path: Final = Path(str(options["socket"]))
        self._group: Final = str(options.get("group", "ck"))
        self._engine: Final = engine
        self._dispatcher: Final = Dispatcher(engine)

    async def serve(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, report started once a client can connect, serve until cancelled.

        Raises: InvalidArgument for a path that cannot be a socket's, Conflict where something else is or listens there.
        """
        connections = _Connections()

        async def serve_connection(stream: trio.SocketStream) -> None:
            CALLER.set(_peer(stream.socket))
            await Connection(stream, self._dispatcher, connections.interruptible).run()

        inherited = self._engine.lifetime.take_over(str(self._path))
        listening = inherited or _listen(self._path, self._group)
        # A copy, because trio closes its own at the end.
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening.dup()))
        try:
            async with trio.open_nursery() as nursery:
                accepting = await nursery.start(connections.hold)
                try:
                    task_status.started()
                    await trio.serve_listeners(serve_connection, [listener], handler_nursery=accepting)
                finally:
                    connections.stop()
        finally:
            with listening:
                if not self._engine.lifetime.hand_over(listening):
                    self._path.unlink(missing_ok=True)


class _Connections:
    """The connections of one `serve`: a stop ends what waits or streams at once, and gives the rest GRACE_SECONDS."""

    def __init__(self) -> None:
        self._scopes: Final[set[trio.CancelScope]] = set()
        self._stopped: Final = trio.Event()
        # Requests that have begun are let end, or clients could not know whether they took effect. `stop` sets the
        # time limit of this shield.
        self._shield: Final = trio.CancelScope(shield=True)

    async def hold(self, *, task_status: "trio.TaskStatus[trio.Nursery]") -> None:
        """Run the nursery of the connections; report it as started; return when `stop` was called and they are done."""
        with self._shield:
            async with trio.open_nursery() as nursery:
                task_status.started(nursery)
                await self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()
        self._shield.deadline = trio.current_time() + GRACE_SECONDS
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def interruptible(self) -> Iterator[trio.CancelScope]:
        """A scope that a stop cancels: around waiting for a client, and around endless streams."""
        with trio.CancelScope() as scope:
            if self._stopped.is_set():
                scope.cancel()
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)


def _peer(connection: trio.socket.SocketType) -> Caller:
    """Who is at the other end (unix(7), SO_PEERCRED)."""
    pid, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        program = Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError):  # gone already, or in a PID namespace that we do not see (pid 0)
        program = ""
    return Caller(uid=uid, pid=pid, program=program)


def _listen(path: Path, group: str) -> socket.socket:
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listener.bind(str(path))
        except OSError as exc:
            raise InvalidArgument(f"cannot listen on {str(path)!r}: {exc.strerror or exc}") from exc
        # Before listen() nobody can connect, so there is no moment in which the socket is open to all.
        path.chmod(0o660)
        try:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        except KeyError:
            log.info("there is no group %r: only root may use %s", group, path)
        listener.listen(BACKLOG)
        return listener
    except BaseException:
        listener.close()
        raise


def _clear(path: Path) -> None:
    """Remove the socket that a daemon left which did not end cleanly."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Conflict(f"cannot listen on {str(path)!r}: it exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:  # nobody listens there any more
            path.unlink()
            return
    raise Conflict(f"cannot listen on {str(path)!r}: another process does")
