"""A proxy before a registry that misbehaves as it is told: breaks off, lies, refuses, sends elsewhere."""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import h11
import trio


@attrs.frozen(kw_only=True)
class Request:
    """What a client asked for; `number` counts from 0 over the proxy's life."""

    number: int
    method: str = "GET"
    target: str
    headers: dict[str, str]
    body: bytes = b""


@attrs.frozen(kw_only=True)
class Fault:
    """What to do instead of passing the upstream's answer on. A `status` answers at once, with `headers` and `body`.

    `cut_after` closes the connection after so many bytes of the body; `hold_after` sends no more until it is closed;
    `flip` is the offset of a byte to change. `cut_body_after` passes only so many bytes of the client's body on, and
    then breaks off in both directions.
    """

    status: int = 0
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    hold_after: int | None = None
    flip: int | None = None
    cut_body_after: int | None = None
    ignore_range: bool = False


TAKEN_SECONDS = 5

Script = Callable[[Request], Fault | None]


class FlakyProxy:
    """`requests` is what was asked, `sent` the bytes of blob bodies that went out."""

    def __init__(self, upstream: str, script: Script | None = None) -> None:
        host, _, port = upstream.partition(":")
        self._upstream = (host, int(port or 80))
        self.script: Script = script or (lambda request: None)
        self.requests: list[Request] = []
        self.sent = 0
        self.address = ""
        self.held = trio.Event()

    async def serve(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen on a free loopback port, report its address, serve until cancelled."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._client, 0, host="127.0.0.1"))
            self.address = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            task_status.started(self.address)

    async def _client(self, stream: trio.SocketStream) -> None:
        try:
            while await self._exchange(stream):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client went away

    async def _exchange(self, stream: trio.SocketStream) -> bool:
        """Serve one request; return whether the connection goes on."""
        server = h11.Connection(h11.SERVER)
        asked = await _next(server, stream)
        if not isinstance(asked, h11.Request):
            return False
        sent = bytearray()
        while isinstance(event := await _next(server, stream), h11.Data):
            sent += event.data
        headers = {name.decode(): value.decode() for name, value in asked.headers}
        target = asked.target.decode()
        request = Request(
            number=len(self.requests), method=asked.method.decode(), target=target, headers=headers, body=bytes(sent)
        )
        self.requests.append(request)
        fault = self.script(request) or Fault()
        if fault.status:
            answer = h11.Response(status_code=fault.status, headers=[*fault.headers.items(), *_length(fault.body)])
            await stream.send_all(_bytes(server, answer) + _bytes(server, h11.Data(data=fault.body)))
            await stream.send_all(_bytes(server, h11.EndOfMessage()))
            return True
        if fault.cut_body_after is not None:
            await self._pass_part(request, fault.cut_body_after)
            await stream.aclose()
            return False
        response, body = await self._ask(request, fault)
        if fault.flip is not None:
            body = body[: fault.flip] + bytes([body[fault.flip] ^ 1]) + body[fault.flip + 1 :]
        stop = fault.cut_after if fault.cut_after is not None else fault.hold_after
        whole = stop is None or stop >= len(body)
        part = body if whole else body[:stop]
        await stream.send_all(_bytes(server, response) + _bytes(server, h11.Data(data=part)))
        if "/blobs/" in request.target:
            self.sent += len(part)
        if whole:
            await stream.send_all(_bytes(server, h11.EndOfMessage()))
            return True
        if fault.hold_after is not None:
            self.held.set()
            await stream.receive_some(1)
        await stream.aclose()
        return False

    async def _pass_part(self, request: Request, count: int) -> None:
        """Send the head and *count* bytes of the body upstream, and hang up once they have been taken."""
        client = h11.Connection(h11.CLIENT)
        async with await trio.open_tcp_stream(*self._upstream) as stream:
            await stream.send_all(_bytes(client, _asked(request)) + _bytes(client, h11.Data(data=request.body[:count])))
            await stream.send_eof()
            with trio.move_on_after(TAKEN_SECONDS):  # a server that saw the end hangs up
                while await stream.receive_some(65536):
                    continue

    async def _ask(self, request: Request, fault: Fault) -> tuple[h11.Response, bytes]:
        """The upstream's answer, whole."""
        client = h11.Connection(h11.CLIENT)
        asked = _asked(request)
        if fault.ignore_range:
            asked = _asked(attrs.evolve(request, headers={**request.headers, "range": ""}))
        body = bytearray()
        async with await trio.open_tcp_stream(*self._upstream) as stream:
            await stream.send_all(_bytes(client, asked) + _bytes(client, h11.Data(data=request.body)))
            await stream.send_all(_bytes(client, h11.EndOfMessage()))
            response = await _next(client, stream)
            assert isinstance(response, h11.Response)
            while isinstance(event := await _next(client, stream), h11.Data):
                body += event.data
        dropped = (b"connection", b"transfer-encoding", b"content-length")
        kept = [(name.decode(), value.decode()) for name, value in response.headers if name not in dropped]
        return h11.Response(status_code=response.status_code, headers=[*kept, *_length(bytes(body))]), bytes(body)


def _length(body: bytes) -> list[tuple[str, str]]:
    return [("Content-Length", str(len(body)))]


def _bytes(connection: h11.Connection, event: h11.Event) -> bytes:
    return connection.send(event) or b""


async def _next(connection: h11.Connection, stream: trio.SocketStream) -> Any:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await stream.receive_some(1 << 18))
    return event


def _asked(request: Request) -> h11.Request:
    """What goes upstream: on a connection of its own, headers with an empty value left out."""
    headers = {name: value for name, value in request.headers.items() if value and name != "connection"}
    headers["connection"] = "close"
    return h11.Request(method=request.method, target=request.target, headers=list(headers.items()))
