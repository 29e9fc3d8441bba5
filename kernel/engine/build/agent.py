"""The socket of an SSH agent for a container: the agent talks to its own user only, and the container's is another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from ck.kernel.archive.nodes import handle_path
from ck.kernel.archive.stage import opened

_BLOCK: Final = 1 << 16


@asynccontextmanager
async def relayed(path: Path, agent: Path, mode: int) -> AsyncIterator[None]:
    """While the block runs, whoever connects to the socket *path* talks to *agent*."""
    with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM) as listener:
        with opened(path.parent) as directory:  # a socket's path is 107 bytes at most
            await listener.bind(f"{handle_path(directory)}/{path.name}")
        await trio.to_thread.run_sync(path.chmod, mode)
        listener.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve, listener, agent, nursery)
            yield
            nursery.cancel_scope.cancel()


async def _serve(listener: trio.socket.SocketType, agent: Path, nursery: trio.Nursery) -> None:
    while True:
        client, _ = await listener.accept()
        nursery.start_soon(_relay, trio.SocketStream(client), agent)


async def _relay(client: trio.SocketStream, agent: Path) -> None:
    try:
        async with client, await trio.open_unix_socket(str(agent)) as server, trio.open_nursery() as nursery:
            nursery.start_soon(_pass_on, client, server)
            await _pass_on(server, client)
            nursery.cancel_scope.cancel()
    except OSError:
        return  # the agent is gone: the client is told by the end


async def _pass_on(source: trio.SocketStream, target: trio.SocketStream) -> None:
    try:
        async for piece in source:
            await target.send_all(piece)
        await target.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
