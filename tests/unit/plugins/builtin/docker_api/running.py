"""A front end that runs on a real unix socket, and requests to it byte by byte."""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import h11
import trio

from ck.plugins.builtin.docker_api.driver import DockerApi
from tests.unit.plugins.builtin.docker_api.fake_engine import FakeEngine

SECONDS = 20


class Server:
    """A running front end and what is behind it."""

    def __init__(self, path: Path, engine: FakeEngine) -> None:
        self.path, self.engine = path, engine

    async def connect(self) -> trio.SocketStream:
        return await trio.open_unix_socket(self.path)

    async def ask(
        self, method: str, target: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers, body."""
        client = await self.connect()
        async with client:
            return await ask_on(client, h11.Connection(h11.CLIENT), method, target, body, **headers)

    async def ask_json(self, method: str, target: str, value: Any = None) -> tuple[int, Any]:
        status, _, body = await self.ask(method, target, b"" if value is None else json.dumps(value).encode())
        return status, json.loads(body) if body else None


async def ask_on(
    client: trio.SocketStream, http: h11.Connection, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    fields = [("Host", "docker"), ("Content-Length", str(len(body)))]
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    out = http.send(h11.Request(method=method, target=target, headers=fields)) or b""
    out += http.send(h11.Data(data=body)) or b"" if body else b""
    await client.send_all(out + (http.send(h11.EndOfMessage()) or b""))
    status, found, pieces = 0, {}, []
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(await client.receive_some(65536))
        elif isinstance(event, h11.Response):
            status, found = event.status_code, {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            pieces.append(bytes(event.data))
        elif isinstance(event, h11.ConnectionClosed):
            raise AssertionError("the server hung up in the middle of its answer")
    return status, found, b"".join(pieces)


@contextlib.asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="ck-api-") as directory:
        path, engine = Path(directory, "ck.sock"), FakeEngine()
        api = DockerApi({"socket": str(path), "group": "no-such-group"}, engine)  # type: ignore[arg-type]
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                await nursery.start(lambda task_status: api.serve(task_status=task_status))
                yield Server(path, engine)
                nursery.cancel_scope.cancel()
        assert not path.exists()  # noqa: ASYNC240 a stat of a path in a test blocks nobody


def serve(test: Callable[[Server], Awaitable[None]]) -> None:
    async def inner() -> None:
        async with running_server() as server:
            await test(server)

    trio.run(inner)


async def read_until(client: trio.SocketStream, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = await client.receive_some(65536)
        assert piece, data
        data += piece
    return data
