"""Request bodies that are read as files, in worker threads: archives, compressed or not, of any length. And the work
that follows."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO, TypeVar

import trio

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api.exchange import ClientGone, Request

T = TypeVar("T")


async def with_body(request: Request, work: Callable[[BinaryIO], Awaitable[T]]) -> T:
    """Call *work* with the body of *request* as a file that blocks, and return what it returns. For a route that has
    `streams_body`. Raises: what *work* raises; ClientGone, InvalidArgument where the body breaks off."""
    reader, writer = os.pipe()
    failures: list[Exception] = []
    results: list[T] = []
    async with trio.open_nursery() as nursery:
        # A pipe between the connection and the thread that reads: it bounds the memory, and its end wakes the thread
        # whatever happens here.
        nursery.start_soon(
            _pump, request.channel.body(), trio.lowlevel.FdStream(writer), nursery.cancel_scope, failures
        )
        # Closed as soon as the work is done, or the pump would wait for ever to write what nobody reads.
        with os.fdopen(reader, "rb") as file:
            try:
                results.append(await work(file))
            except Exception as exc:
                failures.append(exc)
                nursery.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return results[0]


async def while_client_waits(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """*work*, cancelled when the client hangs up. For a route with `streams_body`, once the body was read. Raises: what
    *work* raises, ClientGone."""
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


async def _pump(
    body: AsyncIterator[bytes], pipe: trio.lowlevel.FdStream, working: trio.CancelScope, failures: list[Exception]
) -> None:
    async with pipe:
        try:
            async for piece in body:
                await pipe.send_all(piece)
        except trio.BrokenResourceError:
            # The archive ended before the body: what follows its end is padding.
            async for _ in body:
                continue
        except (ClientGone, InvalidArgument) as broken:
            # The end of the pipe would look like the end of the archive.
            failures.append(broken)
            working.cancel()
