"""Carries connections over from ports that the kernel cannot send to a container: those of ::1, and those of IPv6 to a
container that has no such address. One task and one descriptor watch all ports."""

import errno
import select
import socket
from typing import Final

import trio

_CONNECT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_CHUNK: Final = 64 << 10


class Proxy:
    """Listening sockets and where they lead. `serve` and `forget` may be called from any thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._targets: dict[int, tuple[socket.socket, str, int]] = {}

    def serve(self, listener: socket.socket, address: str, port: int) -> None:
        """Accept connections from now on, or have those that come now go elsewhere."""
        number = listener.fileno()
        known = number in self._targets
        self._targets[number] = (listener, address, port)
        if not known:
            listener.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)

    def forget(self, listener: socket.socket) -> None:
        """Before it is closed. Success where it is not served; connections that there are go on."""
        if self._targets.pop(listener.fileno(), None) is not None:
            self._epoll.unregister(listener.fileno())

    async def run(self) -> None:
        """Carry over until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for number, _ in self._epoll.poll(0):
                    try:
                        self._accept(number, nursery)
                    except OSError as error:
                        if error.errno in (errno.EMFILE, errno.ENFILE):
                            await trio.sleep(_PAUSE_SECONDS)  # it stays readable until there are descriptors again

    def _accept(self, number: int, nursery: trio.Nursery) -> None:
        """Raises: OSError, where the caller has hung up or the port was let go."""
        if (target := self._targets.get(number)) is None:
            return
        listener, address, port = target
        accepted, _ = listener.accept()
        nursery.start_soon(_carry, accepted, address, port)


async def _carry(accepted: socket.socket, address: str, port: int) -> None:
    accepted.setblocking(False)
    with trio.socket.from_stdlib_socket(accepted) as client:
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                server = await trio.open_tcp_stream(address, port)
        except (OSError, trio.TooSlowError):
            return  # as if nobody listened
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(_pump, client, server.socket)
            nursery.start_soon(_pump, server.socket, client)


async def _pump(source: trio.socket.SocketType, sink: trio.socket.SocketType) -> None:
    """All of one direction, then its end; the other direction may go on."""
    try:
        while chunk := await source.recv(_CHUNK):
            rest = memoryview(chunk)
            while rest:
                rest = rest[await sink.send(rest) :]
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One of the two is gone; who waits for the other learns it from the shutdown.
        for each in (source, sink):
            _shut(each)


def _shut(end: trio.socket.SocketType) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is gone already
        return
