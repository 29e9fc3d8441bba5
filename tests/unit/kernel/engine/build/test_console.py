"""What builds say: at once, or line by line where several speak; the last lines are remembered."""

from collections.abc import Awaitable, Callable

import trio
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.image import Progress
from ck.kernel.engine.build.console import TAIL_LINES, Console, StepOutput

Speak = Callable[[StepOutput], Awaitable[None]]


def spoken(speak: Speak, *, stages: int) -> tuple[str, str]:
    """All that was told, and the tail."""

    async def main() -> tuple[str, str]:
        send, receive = trio.open_memory_channel[Progress](10_000)
        console = Console(send)
        console.begin(stages, 1)
        output = await console.output("one")
        await speak(output)
        await output.end()
        send.close()
        return "".join([step.line async for step in receive]), output.tail()

    return trio.run(main)


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_nothing_is_lost_however_it_comes(pieces: list[bytes]) -> None:
    async def speak(output: StepOutput) -> None:
        for piece in pieces:
            await output.write(piece)

    whole = b"".join(pieces)
    text, _ = spoken(speak, stages=1)
    lines, _ = spoken(speak, stages=2)
    if whole.isascii():
        expected = whole.decode()
        assert text == (expected if not expected or expected.endswith("\n") else f"{expected}\n")
        parts = expected.split("\n")
        kept = parts if parts[-1] else parts[:-1]
        assert lines == "".join(f"[one] {line}\n" for line in kept)


def test_the_tail_is_the_end() -> None:
    async def speak(output: StepOutput) -> None:
        await output.write(b"".join(b"line %d\n" % number for number in range(100)) + b"no end")

    _, tail = spoken(speak, stages=1)
    assert tail.split("\n") == [*(f"line {number}" for number in range(101 - TAIL_LINES, 100)), "no end"]


def test_what_is_noted_comes_with_the_next_that_is_said() -> None:
    async def main() -> list[str]:
        send, receive = trio.open_memory_channel[Progress](10)
        console = Console(send)
        console.note("one")
        console.note("two")
        await console.say("three")
        console.note("four")
        await console.output("one")
        await console.flush()
        send.close()
        return [step.line async for step in receive]

    assert trio.run(main) == ["one\ntwo\n", "three\n", "four\n"]
