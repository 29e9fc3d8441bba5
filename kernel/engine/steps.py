"""A verb as a list of steps, each idempotent and each with its undo."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import attrs
import trio

from ck.kernel.errors import Unavailable

log: Final = logging.getLogger(__name__)

_UNDO_SECONDS: Final = 30.0


async def _nothing() -> None:
    """There is nothing to undo."""


@attrs.frozen
class Step:
    """`undo` must be safe where `do` failed half-way or never ran."""

    name: str
    do: Callable[[], Awaitable[None]]
    undo: Callable[[], Awaitable[None]] = _nothing


async def perform(steps: Sequence[Step]) -> None:
    """Do the steps in order; if one fails, undo it and those before it, last first, and raise what it raised.

    Raises: Unavailable instead of an OSError, as of a full disk.
    """
    begun: list[Step] = []
    try:
        for step in steps:
            begun.append(step)
            await step.do()
    except BaseException as error:
        # Shielded, because a half-done verb must not outlive a shutdown; bounded, because a hung driver must not block
        # it.
        with trio.move_on_after(_UNDO_SECONDS, shield=True):
            await undo(begun)
        if isinstance(error, OSError):
            where = f": {error.filename}" if error.filename else ""
            raise Unavailable(f"{begun[-1].name}: {error.strerror or error}{where}") from error
        raise


async def undo(begun: Sequence[Step]) -> None:
    """Undo steps, last first. One that fails is reported and does not keep the others from being undone."""
    for step in reversed(begun):
        try:
            await step.undo()
        except Exception:  # recovery will find what this leaves, by its container ID
            log.exception("cannot undo step %r", step.name)
