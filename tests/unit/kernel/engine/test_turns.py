"""Turns: one at a time, and nothing stays of those that are over."""

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.turns import Turns


@given(st.text("abc", min_size=1, max_size=12))
def test_one_at_a_time_for_each_key(keys: str) -> None:
    async def main() -> None:
        turns, inside, done = Turns(), set[str](), list[str]()

        async def work(key: str) -> None:
            async with turns.of(key):
                assert key not in inside and turns.taken(key)
                inside.add(key)
                await trio.lowlevel.checkpoint()
                inside.remove(key)
                done.append(key)

        async with trio.open_nursery() as nursery:
            for key in keys:
                nursery.start_soon(work, key)
        assert sorted(done) == sorted(keys)
        assert not any(turns.taken(key) for key in keys)

    trio.run(main)


def test_who_gives_up_takes_no_turn() -> None:
    async def main() -> None:
        turns = Turns()
        async with turns.of("a"):
            with trio.move_on_after(0) as scope:
                async with turns.of("a"):
                    raise AssertionError("two have it")
            assert scope.cancelled_caught and turns.taken("a")
        assert not turns.taken("a")

    trio.run(main)
