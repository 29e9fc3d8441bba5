"""What is done to a container: start, stop, restart, kill, pause, unpause, rename, update, resize, wait."""

from typing import Final

from ck.kernel.api.engine import Waiter
from ck.kernel.drivers.runtime import TerminalSize
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import versions
from ck.plugins.builtin.docker_api._shapes.detach_keys import parse_detach_keys
from ck.plugins.builtin.docker_api._shapes.host_config import container_change
from ck.plugins.builtin.docker_api.exchange import (
    EMPTY,
    JSON,
    NO_CONTENT,
    NOT_MODIFIED,
    Reply,
    Request,
    json_bytes,
    json_reply,
)
from ck.plugins.builtin.docker_api.router import Route


async def start(request: Request) -> Reply:
    return NO_CONTENT if await _start(request) else NOT_MODIFIED


async def _start(request: Request) -> bool:
    keys = request.query.text("detachKeys")
    return await request.engine.containers.start(request.id, parse_detach_keys(keys) if keys else None)


async def stop(request: Request) -> Reply:
    query = request.query
    stopped = await request.engine.containers.stop(request.id, query.number("t"), query.text("signal") or None)
    return NO_CONTENT if stopped else NOT_MODIFIED


async def restart(request: Request) -> Reply:
    query = request.query
    await request.engine.containers.restart(request.id, query.number("t"), query.text("signal") or None)
    return NO_CONTENT


async def kill(request: Request) -> Reply:
    await request.engine.containers.kill(request.id, request.query.text("signal") or None)
    return NO_CONTENT


async def pause(request: Request) -> Reply:
    await request.engine.containers.pause(request.id)
    return NO_CONTENT


async def unpause(request: Request) -> Reply:
    await request.engine.containers.unpause(request.id)
    return NO_CONTENT


async def rename(request: Request) -> Reply:
    name = request.query.text("name").removeprefix("/")
    if not name:
        raise InvalidArgument("the new name must not be empty")
    await request.engine.containers.rename(request.id, name)
    return NO_CONTENT


async def update(request: Request) -> Reply:
    warnings = await request.engine.containers.update(request.id, container_change(request.json()))
    return json_reply({"Warnings": list(warnings)})


def terminal_size(request: Request) -> TerminalSize:
    """The query's `h` and `w`. Raises: InvalidArgument."""
    rows, columns = request.query.number("h") or 0, request.query.number("w") or 0
    if not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise InvalidArgument(f"a terminal cannot have {rows} rows and {columns} columns")
    return TerminalSize(rows=rows, columns=columns)


async def resize(request: Request) -> Reply:
    await request.engine.containers.resize(request.id, terminal_size(request))
    return EMPTY


async def wait(request: Request) -> Reply | None:
    condition = request.query.text("condition", "not-running")
    async with await request.engine.containers.wait(request.id, condition) as waiter:
        if not versions.wait_answers_early(request.version):
            return json_reply({"StatusCode": (await waiter.wait()).code})
        # The head says that the wait is on: only then does a client start the container.
        await _tell_end(request, waiter)
    return None


async def start_and_wait(request: Request) -> None:
    """`start` and `wait` in one: a client that wants both saves a connection, and no end can come between. The head of
    the answer says that the container was started, the body how it ended."""
    condition = request.query.text("condition", "next-exit")
    async with await request.engine.containers.wait(request.id, condition) as waiter:
        await _start(request)
        await _tell_end(request, waiter)


async def _tell_end(request: Request, waiter: Waiter) -> None:
    await request.channel.open_stream(JSON)
    status = await waiter.wait()
    await request.channel.send(json_bytes({"StatusCode": status.code}))


ROUTES: Final = (
    Route("POST", "/containers/{id}/start", start),
    Route("POST", "/containers/{id}/stop", stop),
    Route("POST", "/containers/{id}/restart", restart),
    Route("POST", "/containers/{id}/kill", kill),
    Route("POST", "/containers/{id}/pause", pause),
    Route("POST", "/containers/{id}/unpause", unpause),
    Route("POST", "/containers/{id}/rename", rename),
    Route("POST", "/containers/{id}/update", update),
    Route("POST", "/containers/{id}/resize", resize),
    Route("POST", "/containers/{id}/wait", wait, watched=True),
    Route("POST", "/ck/containers/{id}/start", start_and_wait, watched=True),
)
