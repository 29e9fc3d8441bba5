"""The resolver `dns`."""

import os
import select
import socket
from typing import Final

import attrs
import trio

from ck.kernel.drivers.resolver import RESOLVER_ADDRESS, Directory, Upstream
from ck.kernel.errors import Unavailable
from ck.kernel.linux.netns import inside
from ck.plugins.builtin.resolver_dns._local import local_answer
from ck.plugins.builtin.resolver_dns._message import (
    LARGEST_BYTES,
    NO_SUCH_NAME,
    SERVER_FAILURE,
    Question,
    read_question,
    write_answer,
)
from ck.plugins.builtin.resolver_dns.forwarding import Forwarder, frame, open_here, read_framed
from ck.plugins.builtin.resolver_dns.host_servers import HostServers
from ck.plugins.builtin.resolver_dns.redirect import redirect

_DRAIN: Final = 32
"""How many queries of one container are answered before the next container's."""
_MOST_FORWARDED: Final = 1000
_IDLE_SECONDS: Final = 30.0
_BACKLOG: Final = 64
_CLOSED: Final = -1


@attrs.define
class _Client:
    """One container: its sockets, and whom it asks."""

    container_id: str
    upstream: Upstream
    netns: int  # an fd of our own
    udp: socket.socket
    tcp: socket.socket
    forwarder: Forwarder = attrs.field(init=False)  # for servers of its own

    def __attrs_post_init__(self) -> None:
        self.forwarder = Forwarder(self._open_inside)

    async def _open_inside(self, family: int, kind: int) -> socket.socket:
        # A copy, because the container may go while the thread is on its way into the namespace.
        netns = os.dup(self.netns)
        try:
            return await trio.to_thread.run_sync(_open_socket, netns, family, kind)
        finally:
            os.close(netns)

    def close(self) -> None:
        for each in (self.udp, self.tcp):
            each.close()
        os.close(self.netns)
        self.netns = _CLOSED


class DnsResolver:
    """See ResolverDriver. One task and one descriptor wait for the queries of all containers."""

    name = "dns"

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._clients: dict[str, _Client] = {}
        self._by_socket: dict[int, _Client] = {}
        self._host_servers = HostServers()
        self._from_host = Forwarder(open_here)
        self._forwarded = 0
        self._directory: Directory | None = None

    async def run(
        self, directory: Directory, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED
    ) -> None:
        """See ResolverDriver."""
        self._directory = directory
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for number, _ in self._epoll.poll(0):
                    client = self._by_socket.get(number)
                    if client is None:
                        continue
                    if number == client.udp.fileno():
                        self._drain(client, nursery)
                    else:
                        self._accept(client, nursery)

    async def serve(self, container_id: str, netns: int, upstream: Upstream) -> None:
        """See ResolverDriver."""
        known = self._clients.get(container_id)
        if known is not None:
            known.upstream = upstream
            return
        try:
            client = await trio.to_thread.run_sync(_open_client, container_id, netns, upstream)
        except OSError as error:
            raise Unavailable(f"the names of containers cannot be served: {error.strerror}") from error
        self._clients[container_id] = client
        for each in (client.udp, client.tcp):
            self._by_socket[each.fileno()] = client
            self._epoll.register(each.fileno(), select.EPOLLIN)

    async def stop(self, container_id: str) -> None:
        """See ResolverDriver."""
        client = self._clients.pop(container_id, None)
        if client is None:
            return
        for each in (client.udp, client.tcp):
            self._epoll.unregister(each.fileno())
            del self._by_socket[each.fileno()]
        client.close()

    def _drain(self, client: _Client, nursery: trio.Nursery) -> None:
        for _ in range(_DRAIN):
            try:
                query, sender = client.udp.recvfrom(LARGEST_BYTES)
            except OSError:  # no more, or an error of an answer that was not wanted any more
                return
            question = read_question(query)
            if question is None:
                continue
            answer = self._local(client, query, question, question.udp_bytes)
            if answer is not None:
                _send(client.udp, answer, sender)
            elif self._forwarded < _MOST_FORWARDED:
                nursery.start_soon(self._forward_udp, client, query, question, sender)
            # Else it is dropped, as a network would under such load: the client asks again.

    def _local(self, client: _Client, query: bytes, question: Question, limit: int) -> bytes | None:
        assert self._directory is not None
        return local_answer(self._directory, client.container_id, client.upstream.search, query, question, limit)

    async def _forward_udp(self, client: _Client, query: bytes, question: Question, sender: tuple[str, int]) -> None:
        answer = await self._forward(client, query, question, tcp=False)
        if self._clients.get(client.container_id) is client:
            _send(client.udp, answer, sender)

    async def _forward(self, client: _Client, query: bytes, question: Question, *, tcp: bool) -> bytes:
        """What others say; SERVFAIL where nobody says anything."""
        upstream = client.upstream
        if not upstream.forward:
            return write_answer(query, question, NO_SUCH_NAME)
        servers = upstream.servers or self._host_servers.current()
        forwarder = client.forwarder if upstream.servers else self._from_host
        self._forwarded += 1
        try:
            answer = await forwarder.ask(servers, query, question, tcp=tcp)
        finally:
            self._forwarded -= 1
        return write_answer(query, question, SERVER_FAILURE) if answer is None else answer

    def _accept(self, client: _Client, nursery: trio.Nursery) -> None:
        try:
            accepted, _ = client.tcp.accept()
        except OSError:  # who called has hung up
            return
        accepted.setblocking(False)
        nursery.start_soon(self._converse, client, trio.SocketStream(trio.socket.from_stdlib_socket(accepted)))

    async def _converse(self, client: _Client, stream: trio.SocketStream) -> None:
        """One connection: any number of queries, one after another (RFC 7766)."""
        async with stream:
            try:
                while True:
                    with trio.move_on_after(_IDLE_SECONDS) as scope:
                        query = await read_framed(stream)
                    if scope.cancelled_caught or query is None:
                        return
                    question = read_question(query)
                    if question is None:
                        return
                    answer = self._local(client, query, question, LARGEST_BYTES)
                    await stream.send_all(frame(answer or await self._forward(client, query, question, tcp=True)))
            except trio.BrokenResourceError:
                return


def _open_client(container_id: str, netns: int, upstream: Upstream) -> _Client:
    own = os.dup(netns)
    opened: list[socket.socket] = []
    try:
        with inside(own):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                each = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
                opened.append(each)
                each.bind((RESOLVER_ADDRESS, 0))
            udp, tcp = opened
            tcp.listen(_BACKLOG)
            redirect(udp.getsockname()[1], tcp.getsockname()[1])
    except BaseException:
        for each in opened:
            each.close()
        os.close(own)
        raise
    return _Client(container_id, upstream, own, udp, tcp)


def _open_socket(netns: int, family: int, kind: int) -> socket.socket:
    with inside(netns):
        return socket.socket(family, kind | socket.SOCK_CLOEXEC)


def _send(udp: socket.socket, answer: bytes, receiver: tuple[str, int]) -> None:
    try:
        udp.sendto(answer, receiver)
    except OSError:  # its buffer is full, or the namespace is going: the client asks again
        return
