"""Carries over what the kernel cannot send to a container: what comes to ::1, and what comes by IPv6 to a container
that has no such address. One task and one descriptor watch all ports."""

import errno
import select
import socket
from typing import Final

import trio

_CONNECT_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_CHUNK: Final = 64 << 10
_MOST_FLOWS: Final = 4096
_FLOW_SECONDS: Final = 60.0
"""For how long a client of UDP that is silent, and is not answered, is remembered."""
Client = tuple[str, int, int, int]  # an address of IPv6 as sockets have it


class Proxy:
    """Sockets and where they lead: of TCP, which listen, and of UDP. `serve` and `forget` may be called from any
    thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._targets: dict[int, tuple[socket.socket, str, int]] = {}
        self._flows: dict[tuple[int, Client], socket.socket] = {}  # of each client of UDP, to the container

    def serve(self, listener: socket.socket, address: str, port: int) -> None:
        """Carry from now on, or have what comes now go elsewhere."""
        number = listener.fileno()
        known = number in self._targets
        self._targets[number] = (listener, address, port)
        if not known:
            listener.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)

    def forget(self, listener: socket.socket) -> None:
        """Before it is closed. Success where it is not served; connections of TCP that there are go on."""
        if self._targets.pop(listener.fileno(), None) is not None:
            self._epoll.unregister(listener.fileno())

    async def run(self) -> None:
        """Carry over until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for number, _ in self._epoll.poll(0):
                    try:
                        self._take(number, nursery)
                    except OSError as error:
                        if error.errno in (errno.EMFILE, errno.ENFILE):
                            await trio.sleep(_PAUSE_SECONDS)  # it stays readable until there are descriptors again

    def _take(self, number: int, nursery: trio.Nursery) -> None:
        """Raises: OSError, where who called has hung up or the port was let go."""
        if (target := self._targets.get(number)) is None:
            return
        listener, address, port = target
        if listener.type == socket.SOCK_DGRAM:
            self._pass_on(listener, address, port, nursery)
        else:
            accepted, _ = listener.accept()
            nursery.start_soon(_carry, accepted, address, port)

    def _pass_on(self, listener: socket.socket, address: str, port: int, nursery: trio.Nursery) -> None:
        datagram, client = listener.recvfrom(_CHUNK)
        key = (listener.fileno(), client)
        if (flow := self._flows.get(key)) is None:
            if len(self._flows) >= _MOST_FLOWS:
                return  # lost, as a network would lose it
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            flow = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            flow.connect((address, port))
            self._flows[key] = flow
            nursery.start_soon(self._answer, key, listener, flow, client)
        flow.send(datagram)

    async def _answer(
        self, key: tuple[int, Client], listener: socket.socket, flow: socket.socket, client: Client
    ) -> None:
        """Bring the container's answers back, for as long as there are some."""
        try:
            with trio.socket.from_stdlib_socket(flow) as answers:
                while True:
                    with trio.move_on_after(_FLOW_SECONDS) as silence:
                        datagram = await answers.recv(_CHUNK)
                    if silence.cancelled_caught:
                        return
                    listener.sendto(datagram, client)
        except OSError:
            return  # nobody listens inside, or the port was let go
        finally:
            del self._flows[key]


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
