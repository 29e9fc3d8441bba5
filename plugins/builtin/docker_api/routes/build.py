"""Building images, and what builds keep."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import trio

from ck.kernel.api.build import Secret
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.build import build_request
from ck.plugins.builtin.docker_api.exchange import ClientGone, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.uploads import with_body

T = TypeVar("T")
_DOCKERFILE: Final = "Dockerfile"
_SECRETS: Final = "secrets"


async def build(request: Request) -> None:
    """Docker's endpoint. What is ck's own: `ck-context` names a directory of this machine in place of an upload, and
    `ck-private` one of the upload that is not of the context: there is a Dockerfile, and secrets by their IDs."""
    query, builder = request.query, request.engine.builder
    async with builder.scratch() as scratch:
        upload = await with_body(request, lambda tar: builder.receive(tar, scratch))
        text, secrets = await trio.to_thread.run_sync(_take_private, upload, query.text("ck-private"))
        wanted = build_request(query, request.headers, dockerfile_text=text, secrets=secrets)
        context = upload
        if local := query.text("ck-context"):
            context = await _local(local)
        elif remote := query.text("remote"):
            context = await _while_client_waits(request, lambda: builder.fetch(remote, scratch / "remote"))
        steps = builder.build(wanted, context, scratch)
        await _while_client_waits(request, lambda: streams.progress(request, steps, quiet=query.flag("q")))


async def prune(request: Request) -> Reply:
    keys, space = await request.engine.builder.prune(request.filters(), everything=request.query.flag("all"))
    return json_reply({"CachesDeleted": list(keys) or None, "SpaceReclaimed": space})


async def _while_client_waits(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """*work*, cancelled when the client hangs up. Raises: what it raises, ClientGone."""
    results: list[T] = []
    failures: list[Exception] = []

    async def watch() -> None:
        await request.channel.until_gone()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        try:
            results.append(await work())
        except Exception as error:
            failures.append(error)
        nursery.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not results:
        raise ClientGone
    return results[0]


async def _local(directory: str) -> Path:
    path = Path(directory)
    if not path.is_absolute() or not await trio.Path(path).is_dir():
        raise InvalidArgument(f"the build context {directory!r} is no directory of this machine")
    return path


def _take_private(upload: Path, name: str) -> tuple[bytes | None, dict[str, Secret]]:
    """What the upload holds in its directory *name*, which is of the context no more."""
    if not name or "/" in name or name.startswith("."):
        return None, {}
    private = (upload / name).rename(upload.with_name(name))
    text = private / _DOCKERFILE
    secrets = private / _SECRETS
    return (
        text.read_bytes() if text.is_file() else None,
        {path.name: Secret(content=path.read_bytes()) for path in secrets.iterdir()} if secrets.is_dir() else {},
    )


ROUTES: Final = (
    Route("POST", "/build", build, streams_body=True),
    Route("POST", "/build/prune", prune),
)
