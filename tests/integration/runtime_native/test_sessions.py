"""Exec sessions: their streams, their ends, and that they leave nothing."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import trio

from ck.kernel.drivers.runtime import AttachRequest, ExecRequest, RuntimeContainer, TerminalSize
from ck.kernel.errors import Conflict, NotFound, StartFailed
from ck.kernel.testing.runtime_bench import Bench, Client, make_process


def request(exec_id: str, *argv: str, attach: AttachRequest | None = None, **settings: Any) -> ExecRequest:
    terminal = settings.pop("terminal", False)
    return ExecRequest(exec_id=exec_id, process=make_process(*argv, terminal=terminal), attach=attach, **settings)


async def finish(container: RuntimeContainer, exec_id: str) -> int:
    code = (await container.exec_wait(exec_id)).code
    await container.exec_forget(exec_id)
    return code


def test_exit_codes_and_signals(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            for script, code in (("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
                await container.exec(request("s", "sh", "-c", script))
                assert await finish(container, "s") == code

    trio.run(run)


def test_the_client_sees_the_end_after_the_status_is_known(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            known: list[int] = []

            async def watch(exec_id: str) -> None:
                known.append((await container.exec_wait(exec_id)).code)
                await container.exec_forget(exec_id)

            for number in range(20):
                client = Client()
                await container.exec(request("s", "sh", "-c", f"exit {number}", attach=client.request()))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watch, "s")
                    await client.read()
                    assert known[-1] == number
                await client.aclose()

    trio.run(run)


def test_an_unacknowledged_end_is_told_all_the_same(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client()
            await container.exec(request("s", "echo", "hi", attach=client.request()))
            assert (await client.read())[0] == b"hi\n"
            assert await finish(container, "s") == 0
            await client.aclose()

    trio.run(run)


def test_terminal(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client(terminal=True)
            script = "tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do read x; done"
            await container.exec(
                request(
                    "s",
                    *("sh", "-c", script),
                    terminal=True,
                    size=TerminalSize(rows=5, columns=50),
                    attach=client.request(stdin=True),
                )
            )
            assert await client.read_until(b"ready\r\n") == b"/dev/pts/0\r\n5 50\r\nready\r\n"
            await container.exec_resize("s", TerminalSize(rows=6, columns=60))
            await client.read_until(b"6 60\r\n")
            assert await finish(container, "s") == 3
            await client.read()
            await client.aclose()

    trio.run(run)


def test_detach_keys_leave_the_session_running(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client(terminal=True)
            await container.exec(request("s", "cat", terminal=True, attach=client.request(stdin=True)))
            await client.stream.send_all(b"\x10\x11")
            await client.read()
            await client.aclose()
            await container.exec_signal("s", signal.SIGTERM)
            assert await finish(container, "s") == 143

    trio.run(run)


def test_a_failed_start_leaves_the_client_to_the_caller(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client()
            attach = client.request(stdin=True)
            with pytest.raises(StartFailed, match="ck-nothing") as failure:
                await container.exec(request("s", "ck-nothing", attach=attach))
            assert failure.value.exit_code == 127
            attach.stream.sendall(b"sorry")
            await client.read_until(b"sorry")
            await client.aclose()
            with pytest.raises(NotFound):
                await container.exec_wait("s")

    trio.run(run)


def test_none_in_a_container_that_does_not_run(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "true") as container:
            with pytest.raises(StartFailed, match="not running"):
                await container.exec(request("early", "true"))
            await container.start()
            await container.wait()
            with pytest.raises((Conflict, StartFailed), match="not running"):
                await container.exec(request("late", "true"))

    trio.run(run)


def test_sessions_end_with_the_container(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client()
            await container.exec(request("s", "sleep", "1000", attach=client.request()))
            await container.signal(signal.SIGKILL)
            assert (await container.exec_wait("s")).code == 137
            assert (await container.wait()).code == 137
            await client.read()
            await client.aclose()

    trio.run(run)


def test_a_background_process_that_holds_the_output_does_not_hold_the_session(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client()
            await container.exec(request("s", "sh", "-c", "sleep 1000 & echo out", attach=client.request()))
            assert await finish(container, "s") == 0
            assert (await client.read())[0] == b"out\n"
            assert len(await container.pids()) == 2
            await client.aclose()

    trio.run(run)


def test_large_environments_pass(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            client = Client()
            process = make_process("sh", "-c", "env | wc -c")
            process["env"] += [f"CK_{number}={'x' * 1000}" for number in range(400)]
            await container.exec(ExecRequest(exec_id="s", process=process, attach=client.request()))
            assert int((await client.read())[0]) > 400_000
            assert await finish(container, "s") == 0
            await client.aclose()

    trio.run(run)


def test_two_hundred_leave_processes_and_descriptors_flat(bench: Bench) -> None:
    def count(shim: int) -> tuple[int, int, list[str]]:
        children = Path(f"/proc/{shim}/task/{shim}/children").read_text().split()
        return len(os.listdir(f"/proc/{shim}/fd")), len(os.listdir("/proc/self/fd")), children

    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            status = Path(f"/proc/{container.pid}/stat").read_text()  # noqa: ASYNC240 procfs answers from memory
            shim = int(status.rpartition(")")[2].split()[1])

            async def once(exec_id: str, *, terminal: bool) -> None:
                client = Client(terminal=terminal)
                attach = client.request(stdin=True)
                await container.exec(request(exec_id, "true", terminal=terminal, attach=attach))
                assert await finish(container, exec_id) == 0
                await client.read()
                await client.aclose()

            await once("warm", terminal=False)
            before = count(shim)
            for number in range(100):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(lambda: once(f"{number}a", terminal=False))  # noqa: B023
                    nursery.start_soon(lambda: once(f"{number}b", terminal=number % 2 == 0))  # noqa: B023
            assert count(shim) == before

    trio.run(run)
