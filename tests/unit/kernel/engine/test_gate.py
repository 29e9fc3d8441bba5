"""The gate: many pass at once, it closes when nobody is inside."""

import trio
import trio.testing

from ck.kernel.engine.gate import Gate


def test_it_closes_when_the_last_has_left_and_opens_again() -> None:
    order: list[str] = []

    async def main() -> None:
        gate, leave, inside = Gate(), trio.Event(), trio.Event()

        async def session(name: str) -> None:
            async with gate.pass_through():
                order.append(f"{name} in")
                inside.set()
                await leave.wait()
                order.append(f"{name} out")

        async def freeze() -> None:
            async with gate.close():
                order.append("closed")
                nursery.start_soon(session, "late")
                await trio.testing.wait_all_tasks_blocked()
            order.append("open")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(session, "early")
            await inside.wait()
            nursery.start_soon(freeze)
            await trio.testing.wait_all_tasks_blocked()
            leave.set()

    trio.run(main)
    assert order == ["early in", "early out", "closed", "open", "late in", "late out"]


def test_a_cancelled_close_lets_everybody_in_again() -> None:
    async def main() -> None:
        gate = Gate()
        async with gate.pass_through():
            with trio.move_on_after(0):
                async with gate.close():
                    raise AssertionError("closed around somebody")
        async with gate.pass_through():
            pass

    trio.run(main)
