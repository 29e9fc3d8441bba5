"""The event bus: what was committed, told to whoever listens.

There are no queues. The bus keeps the newest events in a ring; a subscriber holds a cursor and asks for what follows.
One that fell behind the ring reads on from the journal in the store, so publishing never waits and nobody loses events.
"""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

import trio

from ck.kernel.events import Recorded

RING: Final = 1024


class Journal(Protocol):
    """Store.journal."""

    def __call__(
        self, *, after: int = 0, since: datetime | None = None, limit: int = 1000
    ) -> Awaitable[Sequence[Recorded]]: ...


class Bus:
    """`newest` is the cursor of the last event published."""

    def __init__(self) -> None:
        self.newest = 0
        self._ring: deque[Recorded] = deque(maxlen=RING)
        self._arrival = trio.Event()

    def start_at(self, cursor: int) -> None:
        """Say what the journal's newest event is, before anything is published."""
        self.newest = cursor

    def publish(self, recorded: Sequence[Recorded]) -> None:
        """Tell the subscribers. Cursors must grow. Never waits."""
        if not recorded:
            return
        self._ring.extend(recorded)
        self.newest = recorded[-1].cursor
        arrived, self._arrival = self._arrival, trio.Event()
        arrived.set()

    async def subscribe(
        self, journal: Journal, *, after: int | None = None, since: datetime | None = None
    ) -> AsyncGenerator[Recorded]:
        """Every event after the cursor *after* and not before *since*, then live, for ever.

        None for both: from now on.
        """
        cursor = after if after is not None else (0 if since is not None else self.newest)
        while True:
            while cursor >= self.newest:
                await self._arrival.wait()
            newest = self.newest
            batch = self._after(cursor)
            if batch is None:
                batch = await journal(after=cursor, since=since)
            for recorded in batch:
                if since is None or recorded.event.at >= since:
                    yield recorded
            # An empty batch is a journal trimmed, or filtered by time, up to its newest event.
            cursor = batch[-1].cursor if batch else newest

    def _after(self, cursor: int) -> Sequence[Recorded] | None:
        """What the ring has after *cursor*, or None if its oldest event is too new to tell."""
        if not self._ring or self._ring[0].cursor > cursor + 1:
            return None
        start = next(index for index, recorded in enumerate(self._ring) if recorded.cursor > cursor)
        return list(islice(self._ring, start, None))
