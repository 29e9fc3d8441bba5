"""`cp` and `export`: paths of a container, and its whole root, as tar streams."""

import os
from collections.abc import AsyncIterator
from typing import Final

import trio

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api import streams
from ck.plugins.builtin.docker_api._shapes.path_stat import path_stat_json
from ck.plugins.builtin.docker_api.exchange import EMPTY, ClientGone, Headers, Reply, Request
from ck.plugins.builtin.docker_api.router import Route

TAR: Final = "application/x-tar"


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
    reader, writer = os.pipe()
    failures: list[Exception] = []
    async with trio.open_nursery() as nursery:
        # A pipe between the connection and the thread that unpacks: it bounds the memory, and its end wakes the
        # thread whatever happens here.
        nursery.start_soon(
            _pump, request.channel.body(), trio.lowlevel.FdStream(writer), nursery.cancel_scope, failures
        )
        # Closed as soon as the engine is done, or the pump would wait for ever to write what nobody reads.
        with os.fdopen(reader, "rb") as tar:
            try:
                await request.engine.containers.put_archive(
                    request.id,
                    path,
                    tar,
                    no_overwrite_dir_non_dir=query.flag("noOverwriteDirNonDir"),
                    copy_uid_gid=query.flag("copyUIDGID"),
                )
            except Exception as exc:
                failures.append(exc)
                nursery.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return EMPTY


async def _pump(
    body: AsyncIterator[bytes], pipe: trio.lowlevel.FdStream, unpacking: trio.CancelScope, failures: list[Exception]
) -> None:
    async with pipe:
        try:
            async for piece in body:
                await pipe.send_all(piece)
        except trio.BrokenResourceError:
            # The tar ended before the body: what follows its end is padding.
            async for _ in body:
                continue
        except (ClientGone, InvalidArgument) as broken:
            # The end of the pipe would look like the end of the tar.
            failures.append(broken)
            unpacking.cancel()


ROUTES: Final = (
    Route("HEAD", "/containers/{id}/archive", stat),
    Route("GET", "/containers/{id}/archive", get),
    Route("GET", "/containers/{id}/export", export),
    Route("PUT", "/containers/{id}/archive", put, streams_body=True),
)
