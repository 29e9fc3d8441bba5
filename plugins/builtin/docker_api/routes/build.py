"""Building images, and what builds keep."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final, cast

import trio

from ck.kernel.api.image import Progress
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.build import build_request
from ck.plugins.builtin.docker_api._shapes.image import progress_json
from ck.plugins.builtin.docker_api._shapes.private import Private, load_private
from ck.plugins.builtin.docker_api.exchange import Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.uploads import while_client_waits, with_body

_SPACE: Final = ("keep-storage", "reserved-space", "max-used-space", "min-free-space")
_MOST: Final = 1 << 25  # bytes of Dockerfile and secrets
_TOLD: Final = 1 << 20  # characters of what a quiet build says that are kept for its failure, which is at the end


async def build(request: Request) -> None:
    """Docker's endpoint. What is ck's own: `ck-context` names a directory of this machine in place of an upload, and
    with `ck-private=N` the body begins with N bytes (`load_private`) that are not of the context."""
    query, builder = request.query, request.engine.builder
    local, remote = query.text("ck-context"), query.text("remote")
    async with builder.scratch() as scratch:

        async def take(body: BinaryIO) -> tuple[Private, Path]:
            size = query.number("ck-private")
            private = await trio.to_thread.run_sync(_read_private, body, size) if size else Private()
            return private, scratch if local or remote else await builder.receive(body, scratch)

        private, context = await with_body(request, take)
        wanted = build_request(
            query,
            request.headers,
            dockerfile_text=private.dockerfile,
            ignorefile_text=private.ignorefile,
            secrets=private.secrets,
        )
        agent = wanted.agents.get("default")
        if local:
            context = await _local(local)
        elif remote:
            context = await while_client_waits(request, lambda: builder.fetch(remote, scratch / "remote", agent))
        tell = _result if query.flag("q") else streams.progress
        await while_client_waits(request, lambda: tell(request, builder.build(wanted, context, scratch)))


async def prune(request: Request) -> Reply:
    for name in _SPACE:
        if request.query.number(name):
            raise Unsupported(f"what stays in the build cache cannot be told by {name}: use the filter until")
    keys, space = await request.engine.builder.prune(request.filters(), everything=request.query.flag("all"))
    return json_reply({"CachesDeleted": list(keys) or None, "SpaceReclaimed": space})


async def _result(request: Request, steps: AsyncIterator[Progress]) -> None:
    """Answer a build that is to be quiet: with the ID of its image alone, and where it fails with what it has said and
    why (moby, api/server/router/build/build_routes.go)."""
    told, size, image_id = deque[Progress](), 0, ""
    failure: Exception | None = None
    try:
        async with aclosing(cast(AsyncGenerator[Progress, None], steps)):
            async for step in steps:
                image_id = step.image_id or image_id
                told.append(step)
                size += _size(step)
                while size > _TOLD:
                    size -= _size(told.popleft())
    except Exception as error:
        if not told:
            raise
        failure = error
    async with streams.json_stream(request) as send:
        if failure is None:
            await send(progress_json(Progress(line=f"{image_id}\n")))
            return
        for step in told:
            await send(progress_json(step))
        raise failure


def _size(step: Progress) -> int:
    """In characters; of what a pull says, which has no lines, about that."""
    return len(step.line) or 100


async def _local(directory: str) -> Path:
    path = Path(directory)
    if not path.is_absolute() or not await trio.Path(path).is_dir():
        raise InvalidArgument(f"the build context {directory!r} is no directory of this machine")
    return path


def _read_private(body: BinaryIO, size: int) -> Private:
    """The first *size* bytes of *body*, which are nowhere but in memory. Blocks. Raises: InvalidArgument."""
    if not 0 < size <= _MOST:
        raise InvalidArgument(f"ck-private={size}: it must be at most {_MOST} bytes")
    text = body.read(size)
    if len(text) < size:
        raise InvalidArgument(f"ck-private={size}: the body has {len(text)} bytes only")
    return load_private(text)


ROUTES: Final = (
    Route("POST", "/build", build, streams_body=True),
    Route("POST", "/build/prune", prune),
)
