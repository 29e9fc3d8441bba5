"""Several things at the same time, as one step of a verb."""

from collections.abc import Awaitable, Callable

import trio


async def together(*jobs: Callable[[], Awaitable[object]]) -> None:
    """Run *jobs* at the same time, each to its end. Raises: what the first of those raised that failed."""
    errors: list[Exception] = []

    async def run(job: Callable[[], Awaitable[object]]) -> None:
        try:
            await job()
        except Exception as error:  # raised below, once the others have ended too
            errors.append(error)

    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(run, job)
    if errors:
        raise errors[0]
