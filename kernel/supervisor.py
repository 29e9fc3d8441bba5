"""Watches one run until its end. Every watch is a task in the engine's nursery, which outlives it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from ck.kernel.drivers.runtime import ExitStatus, RuntimeContainer
from ck.kernel.errors import CkError

log: Final = logging.getLogger(__name__)

_RECORD_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 1.0


async def supervise(runtime: RuntimeContainer, record_exit: Callable[[ExitStatus], Awaitable[None]]) -> None:
    """Wait for the end of a run and record it. Cancelling detaches; it never kills."""
    status = await runtime.wait()
    while True:
        try:
            # A shutdown in the middle would leave the record to the next start, which finds the exit status again;
            # shielded all the same so that clients that wait are told, and bounded so that a stuck disk cannot hold us.
            with trio.move_on_after(_RECORD_SECONDS, shield=True):
                await record_exit(status)
            return
        except Exception as error:
            # Also a bug's: an exit that is not recorded would stay "running" for ever, and a full disk passes.
            bug = not isinstance(error, CkError)
            log.error(
                "cannot record the end of container %s, trying again: %s", runtime.container_id, error, exc_info=bug
            )
        await trio.sleep(_RETRY_SECONDS)
