"""Asking others: all servers at once, the first good answer counts, and it is kept for a moment."""

import secrets
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from ck.plugins.builtin.resolver_dns._message import (
    LARGEST_BYTES,
    NO_ERROR,
    NO_SUCH_NAME,
    Question,
    answers,
    code_of,
    is_truncated,
    shortest_life,
)

DNS_PORT: Final = 53
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_TRY_SECONDS: Final = 2.0
_TRIES: Final = 2
_LONGEST_KEPT: Final = 5.0
"""Seconds: long enough for what asks the same in a loop, too short for anybody to wait for a change."""
_MOST_KEPT: Final = 1000

OpenSocket = Callable[[int, int], Awaitable[socket.socket]]
"""Makes a socket of a family and a kind, in the network namespace from which is to be asked. Raises: OSError."""


class Forwarder:
    """Asks servers in one place of the network, and remembers what they said."""

    def __init__(self, open_socket: OpenSocket) -> None:
        self._open = open_socket
        self._kept: dict[tuple[bool, bytes, tuple[str, ...]], tuple[float, bytes]] = {}

    async def ask(self, servers: Sequence[str], query: bytes, question: Question, *, tcp: bool) -> bytes | None:
        """The answer to *query*, None where nobody gave one in time."""
        key = (tcp, query[2:], tuple(servers))
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return query[:2] + kept[1]
        answer = await self._ask_all(servers, query, question, tcp=tcp)
        if answer is not None and code_of(answer) in (NO_ERROR, NO_SUCH_NAME) and not is_truncated(answer):
            life = min(shortest_life(answer, question), _LONGEST_KEPT)
            if life > 0:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = (time.monotonic() + life, answer[2:])
        return answer

    async def _ask_all(self, servers: Sequence[str], query: bytes, question: Question, *, tcp: bool) -> bytes | None:
        # A number of our own: the container's may be one that somebody outside can guess.
        asked = secrets.token_bytes(2) + query[2:]
        best: bytes | None = None
        async with trio.open_nursery() as nursery:

            async def ask_one(server: str) -> None:
                nonlocal best
                try:
                    answer = await (self._by_tcp if tcp else self._by_udp)(server, asked, question)
                except (OSError, trio.BrokenResourceError):
                    return  # no route, nobody listens: the others may answer
                if answer is None:
                    return
                if code_of(answer) in (NO_ERROR, NO_SUCH_NAME):
                    best = answer
                    nursery.cancel_scope.cancel()
                else:
                    best = best or answer

            for server in servers:
                nursery.start_soon(ask_one, server)
        return query[:2] + best[2:] if best is not None else None

    async def _by_udp(self, server: str, query: bytes, question: Question) -> bytes | None:
        with await self._socket(server, socket.SOCK_DGRAM) as udp:
            # Be told of every error at once, not only of those that the kernel takes for final: "no route" is one that
            # nobody should wait for (ip(7), ipv6(7)).
            if udp.family == socket.AF_INET6:
                udp.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            await udp.connect(_target(server))
            for _ in range(_TRIES):
                await udp.send(query)
                with trio.move_on_after(_TRY_SECONDS):
                    while True:
                        received = await udp.recv(LARGEST_BYTES)
                        if answers(received, query, question):
                            return received
        return None

    async def _by_tcp(self, server: str, query: bytes, question: Question) -> bytes | None:
        with trio.move_on_after(_TRY_SECONDS * _TRIES), await self._socket(server, socket.SOCK_STREAM) as tcp:
            await tcp.connect(_target(server))
            stream = trio.SocketStream(tcp)
            await stream.send_all(frame(query))
            received = await read_framed(stream)
            if received is not None and answers(received, query, question):
                return received
        return None

    async def _socket(self, server: str, kind: int) -> trio.socket.SocketType:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        return trio.socket.from_stdlib_socket(await self._open(family, kind))


async def open_here(family: int, kind: int) -> socket.socket:
    """In the engine's own namespace."""
    return socket.socket(family, kind | socket.SOCK_CLOEXEC)


def _target(server: str) -> tuple[str, int]:
    return server, DNS_PORT


def frame(message: bytes) -> bytes:
    """As it goes over TCP (RFC 1035, 4.2.2)."""
    return struct.pack(">H", len(message)) + message


async def read_framed(stream: trio.SocketStream) -> bytes | None:
    """The next message, None at the end. Raises: trio.BrokenResourceError."""
    header = await _read_exactly(stream, 2)
    return await _read_exactly(stream, int.from_bytes(header, "big")) if header else None


async def _read_exactly(stream: trio.SocketStream, count: int) -> bytes | None:
    received = b""
    while len(received) < count:
        chunk = await stream.receive_some(count - len(received))
        if not chunk:
            return None
        received += bytes(chunk)
    return received
