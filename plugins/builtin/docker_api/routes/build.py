"""Building images, and what builds keep."""

import shutil
import stat
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, TypeVar, cast

import attrs
import trio

from ck.kernel.api.build import Secret
from ck.kernel.api.image import Progress
from ck.kernel.errors import InvalidArgument, Unsupported
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.build import build_request
from ck.plugins.builtin.docker_api._shapes.image import progress_json
from ck.plugins.builtin.docker_api.exchange import ClientGone, Reply, Request, json_reply
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.uploads import with_body

T = TypeVar("T")
_DOCKERFILE: Final = "Dockerfile"
_IGNOREFILE: Final = "Dockerfile.dockerignore"
_SPACE: Final = ("keep-storage", "reserved-space", "max-used-space", "min-free-space")
_SECRETS: Final = "secrets"
_TOLD: Final = 10_000  # messages of a quiet build that are kept for its failure: some pages of output


async def build(request: Request) -> None:
    """Docker's endpoint. What is ck's own: `ck-context` names a directory of this machine in place of an upload, and
    `ck-private` one of the upload that is not of the context: there is a Dockerfile, and secrets by their IDs."""
    query, builder = request.query, request.engine.builder
    async with builder.scratch() as scratch:
        local, private_name = query.text("ck-context"), query.text("ck-private")
        context, private = scratch, _Private()
        if not local or private_name:
            context = await with_body(request, lambda tar: builder.receive(tar, scratch))
            private = await trio.to_thread.run_sync(_take_private, context, private_name)
        else:
            async for _ in request.channel.body():
                continue
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
        elif remote := query.text("remote"):
            context = await _while_client_waits(request, lambda: builder.fetch(remote, scratch / "remote", agent))
        tell = _result if query.flag("q") else streams.progress
        await _while_client_waits(request, lambda: tell(request, builder.build(wanted, context, scratch)))


async def prune(request: Request) -> Reply:
    for name in _SPACE:
        if request.query.number(name):
            raise Unsupported(f"what stays in the build cache cannot be told by {name}: use the filter until")
    keys, space = await request.engine.builder.prune(request.filters(), everything=request.query.flag("all"))
    return json_reply({"CachesDeleted": list(keys) or None, "SpaceReclaimed": space})


async def _result(request: Request, steps: AsyncIterator[Progress]) -> None:
    """Answer a build that is to be quiet: with the ID of its image alone, and where it fails with what it has said and
    why (moby, api/server/router/build/build_routes.go)."""
    told = deque[Progress](maxlen=_TOLD)
    failure: Exception | None = None
    try:
        async with aclosing(cast(AsyncGenerator[Progress, None], steps)):
            async for step in steps:
                told.append(step)
    except Exception as error:
        if not told:
            raise
        failure = error
    async with streams.json_stream(request) as send:
        if failure is None:
            [image_id] = [step.image_id for step in told if step.image_id]
            told = deque([Progress(line=f"{image_id}\n")])
        for step in told:
            await send(progress_json(step))
        if failure is not None:
            raise failure


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


@attrs.frozen(kw_only=True)
class _Private:
    """What of an upload is not of the context."""

    dockerfile: bytes | None = attrs.field(default=None, repr=False)
    ignorefile: bytes | None = attrs.field(default=None, repr=False)
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)


def _take_private(upload: Path, name: str) -> _Private:
    """What the upload holds in its directory *name*, which is of the context no more. A link in it counts for nothing:
    it leads to what is not the client's. Raises: InvalidArgument."""
    if not name:
        return _Private()
    if "/" in name or name.startswith(".") or not _is(upload / name, stat.S_ISDIR):
        raise InvalidArgument(f"ck-private={name}: the upload has no such directory")
    private = (upload / name).rename(upload.with_name(name))
    secrets = private / _SECRETS
    found = list(secrets.iterdir()) if _is(secrets, stat.S_ISDIR) else ()
    taken = _Private(
        dockerfile=_read(private / _DOCKERFILE),
        ignorefile=_read(private / _IGNOREFILE),
        secrets={path.name: Secret(content=content) for path in found if (content := _read(path)) is not None},
    )
    shutil.rmtree(private)  # secrets are to be nowhere but in memory
    return taken


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if _is(path, stat.S_ISREG) else None


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.lstat().st_mode)
    except FileNotFoundError:
        return False


ROUTES: Final = (
    Route("POST", "/build", build, streams_body=True),
    Route("POST", "/build/prune", prune),
)
