"""`cp` and `export`: paths of a container, and its whole root, as tar streams."""

from functools import partial
from typing import Final

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.path_stat import path_stat_json
from ck.plugins.builtin.docker_api.exchange import EMPTY, TAR, Headers, Reply, Request
from ck.plugins.builtin.docker_api.router import Route
from ck.plugins.builtin.docker_api.uploads import with_body


def _path(request: Request) -> str:
    path = request.query.text("path")
    if not path:
        raise InvalidArgument("path must not be empty")
    return path


def _stat_header(stat: object) -> Headers:
    return (("X-Docker-Container-Path-Stat", streams.encode_header(stat)),)


async def stat(request: Request) -> Reply:
    found = await request.engine.containers.stat_path(request.id, _path(request))
    return Reply(headers=_stat_header(path_stat_json(found)))


async def get(request: Request) -> None:
    archive = await request.engine.containers.get_archive(request.id, _path(request))
    async with archive as (found, chunks):
        await request.channel.open_stream(TAR, _stat_header(path_stat_json(found)))
        async for chunk in chunks:
            await request.channel.send(chunk)


async def export(request: Request) -> None:
    archive = await request.engine.containers.export(request.id)
    async with archive as (_, chunks):
        await request.channel.open_stream(TAR)
        async for chunk in chunks:
            await request.channel.send(chunk)


async def put(request: Request) -> Reply:
    query, path = request.query, _path(request)
    unpack = partial(
        request.engine.containers.put_archive,
        request.id,
        path,
        no_overwrite_dir_non_dir=query.flag("noOverwriteDirNonDir"),
        copy_uid_gid=query.flag("copyUIDGID"),
    )
    await with_body(request, unpack)
    return EMPTY


ROUTES: Final = (
    Route("HEAD", "/containers/{id}/archive", stat),
    Route("GET", "/containers/{id}/archive", get),
    Route("GET", "/containers/{id}/export", export),
    Route("PUT", "/containers/{id}/archive", put, streams_body=True),
)
