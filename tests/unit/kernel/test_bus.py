"""The bus: every subscriber sees every event once, in order, however slow it is."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.bus import RING, Bus
from ck.kernel.events import Event, Noun, Recorded

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeJournal:
    """A list that answers as the store's journal does."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []

    async def __call__(self, *, after: int = 0, since: datetime | None = None, limit: int = 1000) -> Sequence[Recorded]:
        await trio.lowlevel.checkpoint()
        found = [each for each in self.events if each.cursor > after and (since is None or each.event.at >= since)]
        return found[:limit]


def recorded(cursor: int) -> Recorded:
    at = NOW + timedelta(seconds=cursor)
    return Recorded(cursor, Event(noun=Noun.CONTAINER, action=str(cursor), subject="c", at=at))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, RING), min_size=1, max_size=6), st.integers(0, 3000))
def test_nobody_misses_or_doubles_an_event(batches: list[int], start: int) -> None:
    async def check() -> None:
        bus, journal = Bus(), FakeJournal()
        total = sum(batches)
        first = min(start, total)
        seen: list[int] = []

        async def read() -> None:
            async with aclosing(bus.subscribe(journal, after=first)) as stream:
                while len(seen) < total - first:
                    seen.append((await anext(stream)).cursor)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            cursor = 0
            for size in batches:
                batch = [recorded(cursor + offset + 1) for offset in range(size)]
                cursor += size
                journal.events += batch
                bus.publish(batch)
                await trio.lowlevel.checkpoint()
        assert seen == list(range(first + 1, total + 1))

    trio.run(check)


def test_since_reads_from_the_journal_first() -> None:
    async def check() -> None:
        bus, journal = Bus(), FakeJournal()
        journal.events = [recorded(cursor) for cursor in range(1, 11)]
        bus.start_at(10)
        async with aclosing(bus.subscribe(journal, since=NOW + timedelta(seconds=8))) as stream:
            assert [(await anext(stream)).cursor for _ in range(3)] == [8, 9, 10]
            bus.publish([recorded(11)])
            assert (await anext(stream)).cursor == 11

    trio.run(check)


def test_without_a_cursor_only_what_comes_is_told() -> None:
    async def check() -> None:
        bus, journal = Bus(), FakeJournal()
        bus.publish([recorded(1)])
        received: list[int] = []
        listening = trio.Event()

        async def read() -> None:
            async with aclosing(bus.subscribe(journal)) as stream:
                listening.set()
                received.append((await anext(stream)).cursor)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await listening.wait()
            await trio.testing.wait_all_tasks_blocked()
            bus.publish([recorded(2)])
        assert received == [2]

    trio.run(check)
