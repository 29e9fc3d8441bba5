"""Verbs that tell how they go on while they work: a generator for who asked, a task for the work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import trio

from ck.kernel.api.image import Progress
from ck.kernel.engine.context import Context

Tell = trio.MemorySendChannel[Progress]
_BUFFER: Final = 256


async def telling(ctx: Context, work: Callable[[Tell], Awaitable[None]]) -> AsyncGenerator[Progress]:
    """What *work* sends to the channel that it is called with. Leaving the generator cancels the work, and the end of
    the work ends the generator. Raises: what *work* raises."""
    send, receive = trio.open_memory_channel[Progress](_BUFFER)
    errors: list[Exception] = []
    scope = trio.CancelScope()

    async def run() -> None:
        with scope:
            async with send:
                try:
                    await work(send)
                except Exception as error:  # raised below, in the task of whoever asked
                    errors.append(error)

    # In the engine's nursery: one inside a generator would be left open by a reader that leaves early.
    ctx.spawn(run)
    try:
        async with receive:
            async for progress in receive:
                yield progress
    finally:
        scope.cancel()
    if errors:
        raise errors[0]
