"""What a container survives, and what does not survive it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import trio

from ck.kernel.drivers.runtime import ExecRequest, RuntimeContainer, RuntimeDriver
from ck.kernel.drivers.storage import RootMount
from ck.kernel.errors import Conflict, StartFailed, Unavailable
from ck.kernel.testing.runtime_bench import Bench, Client, make_process
from ck.plugins.builtin.runtime_native import driver as driver_module
from tests.support.census import parent_of

REPOSITORY = Path(__file__).parents[3]
ECHO = ("sh", "-c", "while read x && [ $x != quit ]; do echo got $x; done; exit 6")


def forkserver_of(driver: RuntimeDriver) -> int:
    pid = driver._forkservers.pid  # type: ignore[attr-defined]
    assert pid
    return int(pid)


async def ended(pid: int) -> None:
    """Wait for a process that is not a child."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    await trio.lowlevel.wait_readable(pidfd)
    os.close(pidfd)


@contextmanager
def driver_process(bench: Bench, container_id: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket, int]]:
    """An engine's process with one container, the client attached to it, the container's PID."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            module = "tests.integration.runtime_native.driver_process"
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", module),
                    *(str(bench.directory), bench.root[0].source, container_id, str(theirs.fileno()), *ECHO),
                ],
                stdout=subprocess.PIPE,
                text=True,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"},
                pass_fds=[theirs.fileno()],
            )
        assert process.stdout is not None
        try:
            yield process, ours, int(json.loads(process.stdout.readline())["pid"])
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def read_until(client: socket.socket, text: bytes) -> None:
    client.settimeout(20)
    got = b""
    while text not in got:
        chunk = client.recv(4096)
        assert chunk, got
        got += chunk


def test_the_engine_may_die_at_any_moment(bench: Bench) -> None:
    container_id = f"ckd{os.getpid():x}".ljust(64, "0")

    async def reattach(pid: int, client: socket.socket) -> None:
        async with bench.driver() as driver:
            (container,) = await driver.recover()
            assert (container.container_id, container.pid) == (container_id, pid)
            try:
                another = Client()
                await container.attach(another.request())
                await container.exec(ExecRequest(exec_id="s", process=make_process("sh", "-c", "exit 8")))
                assert (await container.exec_wait("s")).code == 8
                client.sendall(b"three\n")
                await another.read_until(b"got three\n")
                await container.signal(signal.SIGKILL)
                assert (await container.wait()).code == 137
                await another.aclose()
            finally:
                await container.delete()

    with driver_process(bench, container_id) as (process, client, pid):
        client.sendall(b"one\n")
        read_until(client, b"got one\n")
        process.kill()
        process.wait()
        # Nobody is there but the shim, and it serves.
        client.sendall(b"two\n")
        read_until(client, b"got two\n")
        trio.run(reattach, pid, client)
        log = b"".join(path.read_bytes() for path in (bench.directory / "containers").rglob("log/*") if path.is_file())
        assert all(b"got " + word in log for word in (b"one", b"two", b"three"))


def test_an_end_while_no_engine_runs_is_known_to_the_next(bench: Bench) -> None:
    container_id = f"cke{os.getpid():x}".ljust(64, "0")

    async def recover() -> None:
        async with bench.driver() as driver:
            (container,) = await driver.recover()
            try:
                status = await container.wait()
                assert status.code == 6
                with pytest.raises(Conflict):
                    container.namespace("net")
            finally:
                await container.delete()

    with driver_process(bench, container_id) as (process, client, _):
        process.kill()
        process.wait()
        client.sendall(b"quit\n")
        client.settimeout(20)
        while client.recv(4096):
            continue
        trio.run(recover)


def test_the_forkserver_may_die(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, *ECHO, open_stdin=True, stdin_once=True) as one:
            client = Client()
            await one.attach(client.request(stdin=True))
            await one.start()
            before = forkserver_of(driver)
            os.kill(before, signal.SIGKILL)
            await ended(before)
            async with bench.container(driver, "true") as two:
                await two.start()
                assert (await two.wait()).code == 0
            assert forkserver_of(driver) != before
            await client.stream.send_all(b"still\n")
            await client.stream.send_eof()
            assert (await client.read())[0] == b"got still\n"
            assert (await one.wait()).code == 6
            await client.aclose()

    trio.run(run)


def test_a_shim_that_dies_takes_its_container_along(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
            await container.start()
            pid = container.pid
            os.kill(parent_of(pid), signal.SIGKILL)
            assert (await container.wait()).code == 137
            await ended(pid)
            with pytest.raises(Conflict):
                container.namespace("net")
            await container.signal(signal.SIGTERM)

    trio.run(run)


def test_a_shim_that_died_unseen_is_found_so(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver:
            bundle = bench.bundle("sleep", "1000")
            bundle.log_directory.parent.mkdir(parents=True)
            container = await driver.create(bundle)
            await container.start()
        os.kill(parent_of(container.pid), signal.SIGKILL)
        async with bench.driver() as driver:
            (found,) = await driver.recover()
            assert (await found.wait()).code == 137
            assert await found.pids() == []
            await found.delete()

    trio.run(run)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "RECOVER_SECONDS", 0.2)


def test_a_stuck_shim_stops_nobody(bench: Bench, short: None) -> None:
    async def stuck(container: RuntimeContainer) -> None:
        with pytest.raises(Unavailable, match=r"did not answer within 0\.2 seconds"):
            await container._link.ask(lambda ckd, number: ckd.state(number), 0.2)  # type: ignore[attr-defined]
        assert await container.pids() == [container.pid]
        await container.signal(signal.SIGTERM)
        await container.kill()

    async def run() -> None:
        async with bench.driver() as driver:
            bundle = bench.bundle("sleep", "1000")
            bundle.log_directory.parent.mkdir(parents=True)
            container = await driver.create(bundle)
            await container.start()
            shim = parent_of(container.pid)
            os.kill(shim, signal.SIGSTOP)
            await stuck(container)
        async with bench.driver() as driver:
            (found,) = await driver.recover()
            await found.delete()
            await ended(shim)
            assert await driver.recover() == []

    trio.run(run)


def test_a_failed_create_leaves_nothing(bench: Bench) -> None:
    broken = attrs.evolve(bench, root=(RootMount(type="bind", source="/ck-nowhere"),))

    async def run() -> None:
        async with bench.driver() as driver:
            with pytest.raises(StartFailed, match="ck-nowhere"):
                async with broken.container(driver, "true"):
                    pass
            assert _runs(bench) == []

    trio.run(run)


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 4, 6, 8, 10, 12, 15])
def test_a_cancelled_create_leaves_nothing(bench: Bench, milliseconds: int) -> None:
    async def run() -> None:
        async with bench.driver() as driver:
            with trio.move_on_after(milliseconds / 1000):
                async with bench.container(driver, "true"):
                    pass
            assert _runs(bench) == []

    trio.run(run)


def test_an_id_is_used_once_at_a_time(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver:
            bundle = bench.bundle("sleep", "1000")
            bundle.log_directory.parent.mkdir(parents=True)
            container = await driver.create(bundle)
            with pytest.raises(Conflict, match=bundle.container_id):
                await driver.create(bundle)
            await container.delete()
            again = await driver.create(bundle)
            await again.start()
            await again.delete()
            assert (await again.wait()).code == 137

    trio.run(run)


def test_many_at_once(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver:

            async def one(code: int) -> None:
                async with bench.container(driver, "sh", "-c", f"exit {code}") as container:
                    await container.start()
                    assert (await container.wait()).code == code

            async with trio.open_nursery() as nursery:
                for code in range(20):
                    nursery.start_soon(one, code)
            assert _runs(bench) == []

    trio.run(run)


def _runs(bench: Bench) -> list[Path]:
    return list((bench.directory / "state").glob("*/plan.json"))
