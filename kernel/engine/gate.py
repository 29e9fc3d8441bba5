"""A gate that many may pass at once, and that closes once nobody is on the way through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Gate:
    """Open at first. Whoever comes while it is closed waits."""

    def __init__(self) -> None:
        self._passing = 0
        self._closed = False
        self._changed = trio.lowlevel.ParkingLot()

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[None]:
        """Keep the gate from closing within the block."""
        while self._closed:
            await self._changed.park()
        self._passing += 1
        try:
            yield
        finally:
            self._passing -= 1
            self._changed.unpark_all()

    @asynccontextmanager
    async def close(self) -> AsyncIterator[None]:
        """Keep everybody out within the block, which is entered when those inside have left."""
        while self._closed:
            await self._changed.park()
        self._closed = True
        try:
            while self._passing:
                await self._changed.park()
            yield
        finally:
            self._closed = False
            self._changed.unpark_all()
