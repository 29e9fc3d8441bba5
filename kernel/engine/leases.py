"""Layers and blobs that an operation under way counts on, by ID."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import trio

from ck.kernel.engine.pins import Pins


class Leases:
    """What is held is not removed, and what is being removed is not held before that is done: whoever has a lease may
    look whether a thing is there, and rely on what they saw."""

    def __init__(self) -> None:
        self._pins = Pins()
        self._going: dict[str, trio.Event] = {}
        self._seen: set[str] = set()

    @asynccontextmanager
    async def hold(self, ids: Sequence[str]) -> AsyncIterator[None]:
        """Keep *ids*, which need not be there, while the block runs."""
        while going := [self._going[each] for each in ids if each in self._going]:
            await going[0].wait()
        with self._pins.hold(ids):
            yield

    def held(self) -> set[str]:
        """The IDs that somebody holds."""
        return self._pins.held()

    def saw(self, id: str) -> None:
        """Remember that *id*, which the caller holds, is there: nobody need look again before it is removed."""
        self._seen.add(id)

    def forget(self, ids: Iterable[str]) -> None:
        """Have it looked again whether *ids* are there."""
        self._seen.difference_update(ids)

    def seen(self, id: str) -> bool:
        """Whether *id* is known to be there."""
        return id in self._seen

    async def remove(self, id: str, remove: Callable[[str], Awaitable[None]]) -> None:
        """Call *remove* with *id*, which nobody holds; when it is being removed already, wait for that."""
        if (going := self._going.get(id)) is not None:
            await going.wait()
            return
        ended = self._going[id] = trio.Event()
        self._seen.discard(id)
        try:
            await remove(id)
        finally:
            del self._going[id]
            ended.set()
