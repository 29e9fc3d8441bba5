"""What goes in and out of a container: all of it, to everybody, at everybody's own pace."""

import os
import signal
import struct
from pathlib import Path

import attrs
import trio

from ck.kernel.drivers.log import LogSink
from ck.kernel.drivers.runtime import TerminalSize
from ck.kernel.testing.runtime_bench import Bench, Client, split_frames

MIB = 1 << 20
LINE = "x" * 127


def test_a_hundred_megabytes_arrive_attached_and_logged(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver:
            bundle = attrs.evolve(
                bench.bundle("sh", "-c", f"yes {LINE} | head -c {100 * MIB}"),
                log=LogSink(format="local", max_size=-1, max_files=1),
            )
            bundle.log_directory.parent.mkdir(parents=True)
            container = await driver.create(bundle)
            try:
                client = Client()
                await container.attach(client.request())
                await container.start()
                out, err = await client.read()
                assert (len(out), err) == (100 * MIB, b"")
                assert out == (LINE.encode() + b"\n") * (100 * MIB // (len(LINE) + 1))
                assert (await container.wait()).code == 0
                logged = sum(path.stat().st_size for path in bundle.log_directory.iterdir())
                assert logged > 100 * MIB
                await client.aclose()
            finally:
                await container.delete()

    trio.run(run)


def test_a_reader_that_stalls_stops_nobody_and_loses_nothing(bench: Bench) -> None:
    size = 20 * MIB

    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "sh", "-c", f"head -c {size} /dev/zero; echo end") as container,
        ):
            slow, fast = Client(), Client()
            await container.attach(slow.request())
            await container.attach(fast.request())
            await container.start()
            assert len((await fast.read())[0]) == size + 4
            assert (await container.wait()).code == 0
            # The run is deleted, the driver gone; the client still gets all of it.
            await container.delete()
            out, _ = await slow.read()
            assert out == bytes(size) + b"end\n"
            await slow.aclose()
            await fast.aclose()

    trio.run(run)


def test_a_client_that_vanishes_leaves_no_trace(bench: Bench) -> None:
    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "sh", "-c", "while read x; do echo $x; done", open_stdin=True) as container,
        ):
            await container.start()
            shim = _shim_of(container.pid)
            before = len(os.listdir(f"/proc/{shim}/fd"))
            for _ in range(20):
                client = Client()
                await container.attach(client.request(stdin=True))
                await client.stream.send_all(b"hello\n")
                await client.aclose()
            last = Client()
            await container.attach(last.request(stdin=True))
            await last.stream.send_all(b"last\n")
            await last.read_until(b"last\n")
            await last.aclose()
            other = Client()
            await container.attach(other.request(stdout=False, stderr=False))
            assert len(os.listdir(f"/proc/{shim}/fd")) <= before + 2
            await other.aclose()

    trio.run(run)


def test_stdin_is_taken_no_faster_than_it_is_read(bench: Bench) -> None:
    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "sh", "-c", "read go; wc -c", open_stdin=True, stdin_once=True) as container,
        ):
            client = Client()
            await container.attach(client.request(stdin=True))
            await container.start()
            await client.stream.send_all(b"go\n" + bytes(8 * MIB))
            await client.stream.send_eof()
            assert int((await client.read())[0]) == 8 * MIB
            await client.aclose()

    trio.run(run)


def test_without_stdin_once_stdin_outlives_its_client(bench: Bench) -> None:
    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "head", "-n", "2", open_stdin=True) as container,
        ):
            await container.start()
            for line in (b"one\n", b"two\n"):
                client = Client()
                await container.attach(client.request(stdin=True))
                await client.stream.send_all(line)
                await client.stream.send_eof()
                if line == b"two\n":
                    assert (await client.read())[0] == b"one\ntwo\n"
                await client.aclose()
            assert (await container.wait()).code == 0

    trio.run(run)


def test_stdin_is_null_unless_opened(bench: Bench) -> None:
    async def run() -> None:
        script = "cat; ls -l /proc/self/fd"
        async with bench.driver() as driver, bench.container(driver, "sh", "-c", script) as container:
            client = Client()
            await container.attach(client.request(stdin=True))
            await container.start()
            out = (await client.read())[0].decode()
            assert "0 -> /dev/null" in out
            # Nothing but the three, and what `ls` opened itself.
            assert sum(line.startswith("l") for line in out.splitlines()) == 4, out
            await client.aclose()

    trio.run(run)


def test_the_terminal_has_its_size_before_the_program_runs_and_follows_resizes(bench: Bench) -> None:
    async def run() -> None:
        script = "tty; stty size; trap 'stty size; exit' WINCH; echo ready; while :; do read x; done"
        size = TerminalSize(rows=31, columns=117)
        async with (
            bench.driver() as driver,
            bench.container(driver, "sh", "-c", script, terminal=True, open_stdin=True, size=size) as container,
        ):
            client = Client(terminal=True)
            await container.attach(client.request(stdin=True))
            await container.start()
            assert await client.read_until(b"ready\r\n") == b"/dev/pts/0\r\n31 117\r\nready\r\n"
            await container.resize(TerminalSize(rows=10, columns=20))
            assert b"10 20" in await client.read_until(b"10 20\r\n")
            await container.wait()
            await client.aclose()

    trio.run(run)


def test_a_terminal_program_gets_its_input_and_its_interrupts(bench: Bench) -> None:
    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "cat", terminal=True, open_stdin=True) as container,
        ):
            client = Client(terminal=True)
            await container.attach(client.request(stdin=True))
            await container.start()
            await client.stream.send_all(b"hello\n")
            await client.read_until(b"hello\r\nhello\r\n")
            await client.stream.send_all(b"\x04")
            assert (await container.wait()).code == 0
            await client.aclose()
        async with (
            bench.driver() as driver,
            bench.container(driver, "sh", "-c", "cat; echo no", terminal=True, open_stdin=True) as container,
        ):
            client = Client(terminal=True)
            await container.attach(client.request(stdin=True))
            await container.start()
            await client.stream.send_all(b"up\n")
            await client.read_until(b"up\r\nup\r\n")
            await client.stream.send_all(b"\x03")
            assert (await container.wait()).code == 128 + signal.SIGINT
            await client.aclose()

    trio.run(run)


def test_detach_keys_close_the_client_and_not_the_program(bench: Bench) -> None:
    async def run() -> None:
        async with (
            bench.driver() as driver,
            bench.container(driver, "cat", terminal=True, open_stdin=True) as container,
        ):
            client = Client(terminal=True)
            await container.attach(client.request(stdin=True))
            await container.start()
            await client.stream.send_all(b"one\n\x10")
            await client.read_until(b"one\r\none\r\n")
            await client.stream.send_all(b"\x11")
            await client.read()
            await client.aclose()
            again = Client(terminal=True)
            await container.attach(again.request(stdin=True, detach_keys=b"zz"))
            await again.stream.send_all(b"\x10\x11two\n")
            await again.read_until(b"two\r\n")
            await again.stream.send_all(b"zz")
            await again.read()
            await again.aclose()
            await container.kill()
            assert (await container.wait()).code == 137

    trio.run(run)


def test_output_of_a_background_process_is_whole_at_the_end(bench: Bench) -> None:
    """The init is gone, so its PID namespace is, so everything that could write is."""

    async def run() -> None:
        script = "(echo early; sleep 1000; echo late) & read x < /proc/1/stat; sleep 0.1"
        async with bench.driver() as driver, bench.container(driver, "sh", "-c", script) as container:
            client = Client()
            await container.attach(client.request())
            await container.start()
            assert (await client.read())[0] == b"early\n"
            assert (await container.wait()).code == 0
            await client.aclose()

    trio.run(run)


def test_with_the_hosts_pid_namespace_the_rest_dies_with_the_init(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver:
            bundle = bench.bundle("sh", "-c", "sleep 1000 & echo $$")
            spec = dict(bundle.spec)
            spec["linux"] = {"namespaces": [entry for entry in spec["linux"]["namespaces"] if entry["type"] != "pid"]}
            bundle = attrs.evolve(bundle, spec=spec)
            bundle.log_directory.parent.mkdir(parents=True)
            container = await driver.create(bundle)
            try:
                client = Client()
                await container.attach(client.request())
                await container.start()
                assert int((await client.read())[0]) == container.pid
                assert (await container.wait()).code == 0
                assert await container.pids() == []
                await client.aclose()
            finally:
                await container.delete()

    trio.run(run)


def test_frames_are_dockers(bench: Bench) -> None:
    async def run() -> None:
        async with bench.driver() as driver, bench.container(driver, "sh", "-c", "echo a; echo b >&2") as container:
            client = Client()
            await container.attach(client.request(stdout=False))
            await container.start()
            raw = bytearray()
            async for chunk in client.stream:
                raw += chunk
            assert bytes(raw) == struct.pack(">BxxxL", 2, 2) + b"b\n"
            assert split_frames(bytes(raw)) == {2: b"b\n"}
            await client.aclose()

    trio.run(run)


def _shim_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])
