"""Actors, waiters, steps and attachments: order, cancellation, nothing lost."""

import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.runtime import AttachRequest, ExitStatus
from ck.kernel.engine.actor import Actors
from ck.kernel.engine.attachments import Attachments
from ck.kernel.engine.pins import Pins
from ck.kernel.engine.ps import parse_ps
from ck.kernel.engine.steps import Step, perform
from ck.kernel.engine.waiters import Waiters
from ck.kernel.errors import Conflict, InvalidArgument

STATUS = ExitStatus(code=3, at=datetime(2026, 1, 1, tzinfo=UTC))


def test_operations_of_one_container_never_overlap_and_of_two_do() -> None:
    async def check() -> None:
        inside: set[str] = set()
        together = trio.Event()

        def job(container: str) -> Callable[[], Awaitable[None]]:
            async def work() -> None:
                assert container not in inside
                inside.add(container)
                if len(inside) == 2:
                    together.set()
                await together.wait()
                inside.discard(container)

            return work

        async with trio.open_nursery() as nursery:
            actors = Actors(nursery)
            for container in "abab":
                nursery.start_soon(actors.run, container, job(container))

    trio.run(check)


def test_a_client_that_leaves_does_not_stop_the_operation() -> None:
    async def check() -> None:
        async with trio.open_nursery() as nursery:
            actors, release, finished = Actors(nursery), trio.Event(), trio.Event()

            async def job() -> None:
                await release.wait()
                finished.set()

            with trio.move_on_after(0):
                await actors.run("c", job)
            release.set()
            await finished.wait()

    trio.run(check)


def test_an_operation_that_fails_tells_its_caller_and_lets_the_next_run() -> None:
    async def check() -> None:
        async with trio.open_nursery() as nursery:
            actors = Actors(nursery)

            async def fail() -> None:
                raise Conflict("no")

            async def succeed() -> int:
                return 7

            with pytest.raises(Conflict, match="no"):
                await actors.run("c", fail)
            assert await actors.run("c", succeed) == 7

    trio.run(check)


@given(st.integers(0, 5), st.integers(1, 6))
def test_steps_are_undone_from_the_one_that_failed(failing: int, count: int) -> None:
    trail: list[str] = []

    def step(number: int) -> Step:
        async def do() -> None:
            trail.append(f"do {number}")
            if number == failing:
                raise Conflict(str(number))

        async def undo() -> None:
            trail.append(f"undo {number}")
            if number % 2:
                raise Conflict("an undo that fails does not stop the others")

        return Step(str(number), do, undo)

    steps = [step(number) for number in range(count)]
    if failing >= count:
        trio.run(perform, steps)
        assert trail == [f"do {number}" for number in range(count)]
    else:
        with pytest.raises(Conflict, match=str(failing)):
            trio.run(perform, steps)
        done = list(range(failing + 1))
        assert trail == [f"do {number}" for number in done] + [f"undo {number}" for number in reversed(done)]


def test_waiters_by_condition() -> None:
    async def check() -> None:
        waiters = Waiters()
        exit_waiter, removed = waiters.arm("c", "next-exit"), waiters.arm("c", "removed")
        waiters.exited("c", STATUS)
        assert (await exit_waiter.wait()).code == 3
        with trio.move_on_after(0) as scope:
            await removed.wait()
        assert scope.cancelled_caught
        waiters.removed("c", STATUS)
        assert (await removed.wait()).code == 3
        with pytest.raises(InvalidArgument, match="'someday'"):
            waiters.arm("c", "someday")

    trio.run(check)


def test_attachments_outlive_a_half_close_but_not_a_hang_up() -> None:
    attachments = Attachments()
    stays, stays_client = socket.socketpair()
    goes, goes_client = socket.socketpair()
    with stays_client, stays, goes:
        attachments.add("c", AttachRequest(stream=stays))
        attachments.add("c", AttachRequest(stream=goes))
        stays_client.shutdown(socket.SHUT_WR)
        goes_client.close()
        taken = attachments.take("c")
        assert taken is not None and taken.stream is stays
        assert goes.fileno() == -1
        assert attachments.take("c") is None
        attachments.add("c", AttachRequest(stream=stays))
        attachments.close("c")
        assert stays_client.recv(1) == b""


def test_pins_count() -> None:
    pins = Pins()
    with pins.hold(["a", "b"]):
        with pins.hold(["b"]):
            assert pins.held() == {"a", "b"}
        assert pins.held() == {"a", "b"}
    assert pins.held() == set()


def test_ps_keeps_the_containers_rows() -> None:
    text = "UID PID CMD\nroot 1 init\nroot 22 sh -c sleep 1\nroot 222 x\n"
    found = parse_ps(text, {22})
    assert (found.titles, found.rows) == (("UID", "PID", "CMD"), (("root", "22", "sh -c sleep 1"),))
    with pytest.raises(InvalidArgument, match="PID"):
        parse_ps("UID CMD\nroot sh\n", {1})
