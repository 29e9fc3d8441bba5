"""The shim's end of its connections to ckd: what was made with it, and those of a ckd that came later."""

import socket
from collections.abc import Callable, Iterator

from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.loop import READABLE, Loop

Serve = Callable[[wire.ShimToCkd, wire.Message], None]
"""Answers one request. It owns the message's fds."""


class Control:
    """Serves requests from *connection* and, after `listen`, from whoever connects to `shim.sock`.

    A ckd that is stopped must not stop the shim: one that does not take its messages loses the connection, and
    connects anew when it is well. *lost* is called when no connection is left.
    """

    def __init__(self, loop: Loop, connection: socket.socket, serve: Serve, lost: Callable[[], None]) -> None:
        self._loop = loop
        self._serve = serve
        self._lost = lost
        self._listener: socket.socket | None = None
        self._connections: list[wire.ShimToCkd] = []
        self._add(connection)

    def listen(self, directory: str) -> None:
        """Make `shim.sock` in *directory*. Raises: OSError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        wire.at(directory, listener.bind)
        listener.listen()
        listener.setblocking(False)
        self._loop.watch(listener.fileno(), READABLE, lambda _events: self._accept(listener))
        self._listener = listener

    @property
    def connected(self) -> bool:
        """Whether some ckd listens."""
        return bool(self._connections)

    def tell(self, send: Callable[[wire.ShimToCkd], None]) -> None:
        """Tell all connections."""
        for connection in list(self._connections):
            self.answer(connection, send)

    def answer(self, connection: wire.ShimToCkd, send: Callable[[wire.ShimToCkd], None]) -> None:
        """Tell one. A connection that is gone or stuck is dropped."""
        if connection not in self._connections:
            return
        try:
            send(connection)
        except OSError:
            self._drop(connection)

    def close(self) -> None:
        """Hang up, and take no more calls."""
        if self._listener is not None:
            self._loop.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None
        for connection in self._connections:
            self._loop.forget(connection.sock.fileno())
            connection.sock.close()
        self._connections.clear()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # Gone before we looked.
        self._add(connection)

    def _add(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        connection = wire.ShimToCkd(sock)
        self._connections.append(connection)
        self._loop.watch(sock.fileno(), READABLE, lambda _events: self._read(connection))

    def _read(self, connection: wire.ShimToCkd) -> None:
        for message in _messages(connection.sock):
            if message is None:
                self._drop(connection)
                return
            self._serve(connection, message)

    def _drop(self, connection: wire.ShimToCkd) -> None:
        self._connections.remove(connection)
        self._loop.forget(connection.sock.fileno())
        connection.sock.close()
        if not self._connections:
            self._lost()


def _messages(sock: socket.socket) -> Iterator[wire.Message | None]:
    """What has come so far; None at the end, also of a peer that does not speak our language."""
    while sock.fileno() >= 0:
        try:
            message = wire.recv(sock)
        except BlockingIOError:
            return
        except (wire.WireError, OSError):
            message = None
        yield message
        if message is None:
            return
