"""Verbs that tell how they go on while they work: a generator for who asked, a task for the work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import trio

from ck.kernel.api.image import Progress

Job = Callable[[], Awaitable[None]]
Tell = trio.MemorySendChannel[Progress]
_BUFFER: Final = 256
_END_SECONDS: Final = 60.0  # as long as what ends it may take itself


async def telling(spawn: Callable[[Job], object], work: Callable[[Tell], Awaitable[None]]) -> AsyncGenerator[Progress]:
    """What *work* sends to the channel that it is called with, in a task that *spawn* starts. Leaving the generator
    cancels the work and awaits its end, and the end of the work ends the generator. Raises: what *work* raises."""
    send, receive = trio.open_memory_channel[Progress](_BUFFER)
    errors: list[Exception] = []
    scope, ended = trio.CancelScope(), trio.Event()

    async def run() -> None:
        try:
            with scope:
                async with send:
                    try:
                        await work(send)
                    except Exception as error:  # raised below, in the task of whoever asked
                        errors.append(error)  # here, since who reads the end of what was told cancels
        finally:
            ended.set()

    # In another's nursery: one inside a generator would be left open by a reader that leaves early.
    spawn(run)
    try:
        async with receive:
            async for progress in receive:
                yield progress
    finally:
        scope.cancel()
        # Whoever has left may take away what the work uses, or look for what it leaves. It ends by itself where it has
        # told all; bounded, because an undo that hangs must not hold a client that wants to go.
        with trio.move_on_after(_END_SECONDS, shield=True):
            await ended.wait()
    if errors:
        raise errors[0]
