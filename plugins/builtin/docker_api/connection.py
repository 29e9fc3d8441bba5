"""One client's connection: HTTP/1.1 by h11, request after request, until it closes or is hijacked."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Final

import h11
import trio

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api.dispatch import Dispatcher
from ck.plugins.builtin.docker_api.exchange import ClientGone, Headers, Hijacked, Reply, Request
from ck.plugins.builtin.docker_api.router import Route

MAX_HEAD_BYTES: Final = 64 << 10
MAX_BODY_BYTES: Final = 16 << 20
RECEIVE_BYTES: Final = 64 << 10
LINGER_SECONDS: Final = 2.0
LAST_SECONDS: Final = 0.5
"""For how long a server that stops waits for the first request of a connection that it has taken."""

Interruptible = Callable[[], AbstractContextManager[trio.CancelScope]]


class Connection:
    """Implements exchange.Channel for the request that is being answered."""

    def __init__(self, stream: trio.SocketStream, dispatcher: Dispatcher, interruptible: Interruptible) -> None:
        self._stream: Final = stream
        self._dispatcher: Final = dispatcher
        self._interruptible: Final = interruptible
        self._http: Final = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._upgrade: str | None = None
        self._head_only = False
        self._hijacked = False
        self._is_new = True  # no request has come yet

    async def run(self) -> None:
        """Serve until the client leaves, breaks the protocol, or the server stops."""
        try:
            while await self._exchange():
                self._http.start_next_cycle()
        except ClientGone:
            return
        finally:
            # Not aclose(): closing a socket never waits. One that was hijacked is detached, so this does nothing to it.
            self._stream.socket.close()

    async def _exchange(self) -> bool:
        """Answer one request; return whether another may follow."""
        try:
            event = await self._await_request()
        except h11.RemoteProtocolError as exc:
            await self._refuse(exc)
            return False
        if not isinstance(event, h11.Request):
            return False
        self._is_new = False
        finished = await self._answer(event)
        if not finished:
            return False
        if self._http.their_state is h11.SEND_BODY:
            await self._linger()
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _await_request(self) -> h11.Event | type[h11.PAUSED] | None:
        """The next event; None where the server stops before one has come."""
        with self._interruptible():
            return await self._next_event()
        # Who has been let in and whose first request is on its way gets an answer all the same.
        with trio.move_on_after(LAST_SECONDS if self._is_new else 0):
            return await self._next_event()
        return None

    async def _answer(self, head: h11.Request) -> bool:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        self._upgrade = _wanted_upgrade(headers)
        self._head_only = head.method == b"HEAD"
        method, target = head.method.decode("ascii"), head.target.decode("ascii")
        called = self._dispatcher.find(method, target, headers, self)
        if isinstance(called, Reply):
            await self._reply(called, close=True)  # what the request still brings is not read
            return True
        route, request = called
        if not route.streams_body:
            try:
                request.body = await self._read_body()
            except InvalidArgument as exc:
                await self._reply(self._dispatcher.refusal(exc), close=True)
                return True
        if not route.watched:
            return await self._call(route, request)
        finished = False
        with self._interruptible():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_client_leaves, nursery.cancel_scope)
                finished = await self._call(route, request)
                nursery.cancel_scope.cancel()
        return finished

    async def _cancel_when_client_leaves(self, scope: trio.CancelScope) -> None:
        await self.until_gone()
        scope.cancel()

    async def until_gone(self) -> None:
        await trio.lowlevel.wait_readable(self._stream.socket)
        try:
            left = await self._stream.socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:  # reset: as gone as can be
            left = True
        if not left:
            # Bytes instead of an end are the next request, sent early; whoever does that is still there.
            await trio.sleep_forever()

    async def _call(self, route: Route, request: Request) -> bool:
        """Run the handler, then send its reply or end the stream that it opened. Return whether the answer is whole."""
        try:
            reply = await self._dispatcher.call(route, request)
            if self._hijacked:
                return False
            if reply is None:
                await self.end_stream()
            elif self._http.our_state is h11.SEND_RESPONSE:
                await self._reply(reply)
            else:
                # The handler failed with its head out: only a body that breaks off can tell.
                return False
        except ClientGone:
            return False
        return True

    async def _reply(self, reply: Reply, *, close: bool = False) -> None:
        headers = [*self._dispatcher.headers, *reply.headers]
        if reply.body:
            headers.append(("Content-Type", reply.content_type))
        if reply.status not in (204, 304):
            headers.append(("Content-Length", str(len(reply.body))))
        if close:
            headers.append(("Connection", "close"))
        send = self._http.send
        data = send(h11.Response(status_code=reply.status, headers=headers)) or b""
        if reply.body and not self._head_only:
            data += send(h11.Data(data=reply.body)) or b""
        await self._send_bytes(data + (send(h11.EndOfMessage()) or b""))

    async def _refuse(self, exc: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._reply(self._dispatcher.refusal(exc), close=True)
            await self._linger()

    async def _linger(self) -> None:
        """Take what the client still sends, so that it reads our answer and not a reset. Bounded: it may never end."""
        with self._interruptible(), trio.move_on_after(LINGER_SECONDS):
            while await self._receive():
                continue

    # --- reading -------------------------------------------------------------------------------------------------

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # mypy cannot tell the two sentinels apart
            if self._http.they_are_waiting_for_100_continue:
                await self._send_event(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._receive())

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ClientGone from None

    async def _read_body(self) -> bytes:
        pieces, size = [], 0
        async for piece in self.body():
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise InvalidArgument(f"the request body is larger than {MAX_BODY_BYTES >> 20} MiB")
            pieces.append(piece)
        return b"".join(pieces)

    async def body(self) -> AsyncIterator[bytes]:
        try:
            while isinstance(event := await self._next_event(), h11.Data):
                yield bytes(event.data)
        except h11.RemoteProtocolError as exc:
            raise InvalidArgument(f"malformed HTTP request body: {exc}") from exc

    # --- writing -------------------------------------------------------------------------------------------------

    async def open_stream(self, content_type: str, headers: Headers = ()) -> None:
        fields = [*self._dispatcher.headers, *headers, ("Content-Type", content_type)]
        await self._send_event(h11.Response(status_code=200, headers=fields))

    async def send(self, chunk: bytes) -> None:
        if chunk:
            await self._send_event(h11.Data(data=chunk))

    async def end_stream(self) -> None:
        if self._http.our_state is h11.SEND_BODY:  # else it was said
            await self._send_event(h11.EndOfMessage())

    async def hijack(self, content_type: str, headers: Headers = ()) -> Hijacked:
        fields = (("Content-Type", content_type), *headers)
        await self._send_bytes(streams.hijack_head(fields, upgrade=self._upgrade))
        initial, _ = self._http.trailing_data
        self._hijacked = True
        return Hijacked(socket.socket(fileno=self._stream.socket.detach()), initial)

    async def _send_event(self, event: h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage) -> None:
        await self._send_bytes(self._http.send(event) or b"")

    async def _send_bytes(self, data: bytes) -> None:
        if not data:
            return
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ClientGone from None


def _wanted_upgrade(headers: dict[str, str]) -> str | None:
    wants = "upgrade" in headers.get("connection", "").lower()
    return headers.get("upgrade") if wants else None
