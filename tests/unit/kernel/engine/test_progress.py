"""Work that tells how it goes: it has ended when its reader goes on."""

from contextlib import aclosing

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.image import Progress
from ck.kernel.engine.progress import Tell, telling


@given(told=st.integers(0, 600), read=st.integers(0, 700), undoing=st.integers(0, 5))
def test_work_has_ended_when_its_reader_goes_on(told: int, read: int, undoing: int) -> None:
    """Whether the reader takes all of it or leaves early."""

    async def main() -> None:
        alive, seen = [True], list[str]()

        async def work(tell: Tell) -> None:
            try:
                for number in range(told):
                    await tell.send(Progress(status=str(number)))
            finally:
                with trio.CancelScope(shield=True):
                    for _ in range(undoing):
                        await trio.lowlevel.checkpoint()
                alive.clear()

        async with trio.open_nursery() as nursery:
            async with aclosing(telling(nursery.start_soon, work)) as steps:
                async for step in steps:
                    if len(seen) == read:
                        break
                    seen.append(step.status)
            assert not alive
        assert seen == [str(number) for number in range(min(told, read))]

    trio.run(main)


def test_what_the_work_raises_comes_to_the_reader() -> None:
    async def work(tell: Tell) -> None:
        await tell.send(Progress(status="begun"))
        raise ValueError("no such thing")

    async def main() -> None:
        async with trio.open_nursery() as nursery, aclosing(telling(nursery.start_soon, work)) as steps:
            assert (await anext(steps)).status == "begun"
            with pytest.raises(ValueError, match="no such thing"):
                await anext(steps)

    trio.run(main)


def test_a_reader_that_is_cancelled_awaits_the_undo() -> None:
    async def main() -> None:
        undone = []

        async def work(tell: Tell) -> None:
            await tell.send(Progress(status="begun"))
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(5)
                undone.append(True)

        async with trio.open_nursery() as nursery:
            with trio.move_on_after(1):
                async with aclosing(telling(nursery.start_soon, work)) as steps:
                    async for _ in steps:
                        continue
            assert undone

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_an_undo_that_hangs_does_not_hold_its_reader() -> None:
    async def main() -> None:
        async def work(tell: Tell) -> None:
            await tell.send(Progress(status="begun"))
            with trio.CancelScope(shield=True):
                await trio.sleep(1000)

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            async with aclosing(telling(nursery.start_soon, work)) as steps:
                await anext(steps)
            assert trio.current_time() < began + 100
        assert trio.current_time() >= began + 1000

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
