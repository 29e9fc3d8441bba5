"""Leases: what is held stays, what is going is waited for."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.leases import Leases

IDS = "abc"


def test_a_lease_waits_for_what_is_going() -> None:
    async def main() -> None:
        leases, gate, order = Leases(), trio.Event(), list[str]()

        async def remove(id: str) -> None:
            await gate.wait()
            order.append(f"gone {id}")

        async def hold() -> None:
            async with leases.hold(["b", "a"]):
                order.append("held")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leases.remove, "a", remove)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(hold)
            nursery.start_soon(leases.remove, "a", remove)  # waits for the first instead of doing it again
            await trio.testing.wait_all_tasks_blocked()
            gate.set()
        assert order == ["gone a", "held"]
        assert leases.held() == set()

    trio.run(main)


def test_a_removal_that_fails_lets_go() -> None:
    async def fail(id: str) -> None:
        raise OSError(id)

    async def main() -> None:
        leases = Leases()
        with pytest.raises(OSError, match="a"):
            await leases.remove("a", fail)
        with trio.fail_after(5):
            async with leases.hold(["a"]):
                assert leases.held() == {"a"}

    trio.run(main)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from(IDS), min_size=1, max_size=3)), max_size=8))
def test_nothing_is_gone_while_somebody_has_it(jobs: list[tuple[bool, list[str]]]) -> None:
    """Whoever holds sees the same from beginning to end; collectors look at `held` first, as they must."""

    async def main() -> None:
        leases, there = Leases(), set(IDS)

        async def remove(id: str) -> None:
            await trio.lowlevel.checkpoint()
            there.discard(id)

        async def collect(ids: Sequence[str]) -> None:
            for each in ids:
                if each not in leases.held():
                    await leases.remove(each, remove)

        async def use(ids: Sequence[str]) -> None:
            async with leases.hold(ids):
                seen = {each for each in ids if each in there}
                for _ in range(5):
                    await trio.lowlevel.checkpoint()
                    assert {each for each in ids if each in there} == seen

        async with trio.open_nursery() as nursery:
            for uses, ids in jobs:
                nursery.start_soon(use if uses else collect, ids)

    trio.run(main)
