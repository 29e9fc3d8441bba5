"""What every runtime driver must do. Needs root, and a root file system with /bin/sh and the usual tools.

    trio.run(check_runtime, make_driver, mounts, tmp_directory)

Usable without pytest. A check that fails raises AssertionError with a sentence that says what the driver did.
"""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import trio

from ck.kernel.drivers.runtime import STATUS_STREAM, ExecRequest, RuntimeContainer, RuntimeDriver
from ck.kernel.drivers.storage import RootMount
from ck.kernel.errors import CkError, Conflict, InvalidArgument, NotFound, StartFailed
from ck.kernel.linux.user_namespace import IdMapping
from ck.kernel.testing.runtime_bench import WAIT_SECONDS, Bench, Client, MakeDriver, expect, make_process


async def check_runtime(make: MakeDriver, root: Sequence[RootMount], directory: Path) -> None:
    """Run all checks, each below *directory*; *root* is what a storage driver's `mounts` gives."""
    for check in CHECKS:
        bench = Bench(make=make, root=tuple(root), directory=directory / check.__name__)
        with trio.fail_after(WAIT_SECONDS):
            await check(bench)


async def check_runs(bench: Bench) -> None:
    """Programs run, their output arrives apart and whole, their exit codes come back; nothing is left afterwards."""
    async with bench.driver() as driver:
        expect(isinstance(driver, RuntimeDriver), "it is no RuntimeDriver")
        async with bench.container(driver, "sh", "-c", "echo out; echo err >&2; exit 7") as container:
            client = Client()
            await container.attach(client.request())
            expect(container.pid > 0, f"the PID of a container is {container.pid}")
            await container.start()
            expect(await client.read() == (b"out\n", b"err\n"), "output is not what the program wrote")
            expect((await container.wait()).code == 7, "the exit code is not 7")
            expect((await container.wait()).code == 7, "a second wait has another answer")
            await container.signal(signal.SIGTERM)
            await _raises(Conflict, lambda: _namespace(container))
            await container.delete()
            await container.delete()
            await client.aclose()
        expect(list(await driver.recover()) == [], "a deleted run is recovered")


async def check_start_failures(bench: Bench) -> None:
    """What cannot be executed says why, with a shell's exit code; the same ID can be used again."""
    async with bench.driver() as driver:
        for argv, code in ((("ck-no-such-program",), 127), (("/etc",), 126), (("/etc/passwd",), 126)):
            try:
                async with bench.container(driver, *argv) as container:
                    await container.start()
            except StartFailed as error:
                expect(error.exit_code == code, f"{argv[0]} fails with exit code {error.exit_code}, not {code}")
                expect(argv[0] in str(error), f"the message {str(error)!r} does not name {argv[0]}")
            else:
                raise AssertionError(f"runtime driver: {argv[0]} is executed")


async def check_all_output(bench: Bench) -> None:
    """Every byte arrives before the end is told, also when the writer ends at once."""
    size = 4 << 20
    async with (
        bench.driver() as driver,
        bench.container(driver, "sh", "-c", f"head -c {size} /dev/zero; echo end") as container,
    ):
        client = Client()
        await container.attach(client.request())
        await container.start()
        out, _ = await client.read()
        expect(out == bytes(size) + b"end\n", f"{len(out)} bytes of output arrive, not {size + 4}")
        await client.aclose()


async def check_stdin(bench: Bench) -> None:
    """What the client sends is the program's stdin; its half-close is the end."""
    async with (
        bench.driver() as driver,
        bench.container(driver, "cat", open_stdin=True, stdin_once=True) as container,
    ):
        client = Client()
        await container.attach(client.request(stdin=True, initial=b"first "))
        await container.start()
        await client.stream.send_all(b"second")
        await client.stream.send_eof()
        expect((await client.read())[0] == b"first second", "stdin does not come back through cat")
        expect((await container.wait()).code == 0, "cat does not end when its client half-closes")
        await client.aclose()


async def check_signals(bench: Bench) -> None:
    """`signal` reaches the init; a death by signal n is 128 + n; `kill` spares nobody."""
    async with bench.driver() as driver:
        async with bench.container(driver, "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 1; done") as one:
            client = Client()
            await one.attach(client.request())
            await one.start()
            await client.read_until(b"up\n")
            await one.signal(signal.SIGTERM)
            expect((await one.wait()).code == 9, "a trapped SIGTERM does not end in the trap's exit code")
            await client.aclose()
        async with bench.container(driver, "sh", "-c", "sleep 1000 & sleep 1000") as two:
            await two.start()
            await two.kill()
            expect((await two.wait()).code == 128 + signal.SIGKILL, "a killed container's exit code is not 137")
            expect(list(await two.pids()) == [], "a process survives the kill")


async def check_pause(bench: Bench) -> None:
    """A paused container makes no progress and can still be killed."""
    async with bench.driver() as driver, bench.container(driver, "cat", open_stdin=True) as container:
        client = Client()
        await container.attach(client.request(stdin=True))
        await container.start()
        await container.pause()
        await client.stream.send_all(b"ping")
        with trio.move_on_after(0.1) as patience:
            await client.read_until(b"ping")
        expect(patience.cancelled_caught, "a paused container answers")
        await container.resume()
        await client.read_until(b"ping")
        await container.pause()
        await container.kill()
        expect((await container.wait()).code == 128 + signal.SIGKILL, "a paused container cannot be killed")
        await client.aclose()


async def check_limits(bench: Bench) -> None:
    """What a container may take can be changed while it runs, and what it takes be read."""
    async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
        expect(list(await driver.check({})) == [], "a container without limits is warned of")
        await container.start()
        meter = container.meter()
        try:
            await container.update({"pids": {"limit": 7}, "memory": {"limit": 64 << 20}})
            used = await trio.to_thread.run_sync(meter.read)
            expect(used is not None, "a container that runs has no accounts")
            assert used is not None
            expect(used.pids == 1 and used.memory > 0, f"one sleeping process is accounted for as {used}")
            expect(used.pids_limit == 7, f"the limit of processes is {used.pids_limit}, not 7")
            expect(used.memory_limit == 64 << 20, f"the limit of memory is {used.memory_limit}, not 64 MiB")
            await _raises(InvalidArgument, lambda: container.update({"memory": {"limit": "much"}}))
            await container.kill()
            await container.wait()
            await container.delete()
            expect(await trio.to_thread.run_sync(meter.read) is None, "a container that is gone has accounts")
        finally:
            meter.close()


async def check_out_of_memory(bench: Bench) -> None:
    """Who takes more memory than allowed is killed, and both `wait_oom` and the exit status tell whose limit it was."""
    limit = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}
    async with (
        bench.driver() as driver,
        bench.container(driver, "sh", "-c", "read line; tail /dev/zero", open_stdin=True) as container,
    ):
        client = Client()
        await container.attach(client.request(stdin=True))
        await container.start()
        await container.update(limit)
        await client.stream.send_all(b"go\n")
        expect(await container.wait_oom() == "own", "the limit that was reached is not the container's own")
        status = await container.wait()
        expect(status.oom_killed and status.oom_limit == "own", f"the exit status of an OOM is {status}")
        await client.aclose()


async def check_exec(bench: Bench) -> None:
    """Sessions run inside the container, with their own streams and exit codes."""
    async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
        await container.start()
        client = Client()
        process = make_process("sh", "-c", "read line; hostname; echo $line >&2; exit 5")
        request = ExecRequest(exec_id="one", process=process, attach=client.request(stdin=True))
        started = await container.exec(request)
        expect(started.pid > 0, f"the PID of a session is {started.pid}")
        expect("one" in container.exec_sessions(), "a session that runs is not among the sessions")
        expect(not await container.troubles(), "a container that is well has troubles")
        await client.stream.send_all(b"typed\n")
        expect((await container.exec_wait("one")).code == 5, "a session's exit code is not 5")
        await container.exec_forget("one")
        expect("one" not in container.exec_sessions(), "a session that was forgotten is among the sessions")
        expect(await client.read() == (b"ck\n", b"typed\n"), "a session's output is not what it wrote")
        await client.aclose()
        await _raises(NotFound, lambda: container.exec_wait("one"))
        missing = ExecRequest(exec_id="two", process=make_process("ck-no-such-program"))
        await _raises(StartFailed, lambda: container.exec(missing))
        await container.exec(ExecRequest(exec_id="three", process=make_process("sleep", "1000")))
        await container.exec_signal("three", signal.SIGTERM)
        expect((await container.exec_wait("three")).code == 128 + signal.SIGTERM, "a session is not ended by SIGTERM")


async def check_status_on_the_stream(bench: Bench) -> None:
    """A client that asks for the exit code gets it as its last frame, whether it watches a terminal or pipes."""
    async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
        await container.start()
        for terminal, line in ((False, b"hi\n"), (True, b"hi\r\n")):
            client = Client()
            process = make_process("sh", "-c", "echo hi; exit 42", terminal=terminal)
            await container.exec(ExecRequest(exec_id="s", process=process, attach=client.request(status=True)))
            # Read to the end before anybody forgets the session: the client must not depend on that.
            frames = await client.read_frames()
            expect(frames == {1: line, STATUS_STREAM: b"42"}, f"a client that asks for the exit code gets {frames}")
            await container.exec_forget("s")
            await client.aclose()


async def check_namespaces(bench: Bench) -> None:
    """`namespace` gives those of the init; `pids` counts all processes."""
    async with bench.driver() as driver, bench.container(driver, "sleep", "1000") as container:
        fd = await _namespace(container)
        try:
            own = Path(f"/proc/{container.pid}/ns/net").stat().st_ino  # noqa: ASYNC240 procfs answers from memory
            expect(os.fstat(fd).st_ino == own, "not the init's namespace")
        finally:
            os.close(fd)
        await container.start()
        expect(list(await container.pids()) == [container.pid], "pids is not the init alone")


async def check_users(bench: Bench) -> None:
    """Namespaces with users of their own, where this machine has them: new ones each time, for the caller to hold."""
    users = [IdMapping(0, 1 << 30, 1000)]
    async with bench.driver() as driver:
        if await driver.mapping_obstacle([bench.directory]):
            return
        made = [await driver.make_namespaces(users, users) for _ in range(2)]
        found = [os.fstat(fd).st_ino for each in made for fd in (each.user, each.network)]
        for each in made:
            os.close(each.user)
            os.close(each.network)
        own = [Path(f"/proc/self/ns/{kind}").stat().st_ino for kind in ("user", "net")]  # noqa: ASYNC240 procfs
        expect(len({*found, *own}) == 6, "namespaces that should be new are not")
        overlap = [IdMapping(0, 1 << 30, 10), IdMapping(5, 1 << 29, 10)]
        await _raises(InvalidArgument, lambda: driver.make_namespaces(overlap, overlap))


async def check_recovery(bench: Bench) -> None:
    """Containers outlive the driver; the next one has them back, also those that ended meanwhile."""
    async with bench.driver() as driver:
        runs = bench.bundle("sh", "-c", "read line; exit 3", open_stdin=True)
        ends = bench.bundle("sh", "-c", "exit 4")
        never = bench.bundle("true")
        for bundle in (runs, ends, never):
            (bench.directory / "containers" / bundle.container_id).mkdir(parents=True)
            container = await driver.create(bundle)
            if bundle is not never:
                await container.start()
            if bundle is ends:
                await container.wait()
                expect(container.over, "a container that has ended is not over")
    async with bench.driver() as driver:
        found = {container.container_id: container for container in await driver.recover()}
        try:
            expect(set(found) == {runs.container_id, ends.container_id}, f"recover finds {sorted(found)}")
            over = {name for name, container in found.items() if container.over}
            expect(over == {ends.container_id}, "a recovered container that has ended, and no other, is over")
            expect((await found[ends.container_id].wait()).code == 4, "the exit code of a container that ended is lost")
            client = Client()
            await found[runs.container_id].attach(client.request(stdin=True))
            await client.stream.send_all(b"go\n")
            expect((await found[runs.container_id].wait()).code == 3, "a recovered container does not run on")
            await client.aclose()
        finally:
            for container in found.values():
                await container.delete()


CHECKS: Final = (
    check_runs,
    check_start_failures,
    check_all_output,
    check_stdin,
    check_signals,
    check_pause,
    check_limits,
    check_out_of_memory,
    check_exec,
    check_status_on_the_stream,
    check_namespaces,
    check_users,
    check_recovery,
)


async def _namespace(container: RuntimeContainer) -> int:
    return container.namespace("net")


async def _raises(kind: type[CkError], call: Callable[[], Any]) -> None:
    try:
        await call()
    except kind:
        return
    raise AssertionError(f"runtime driver: no {kind.__name__} is raised")
