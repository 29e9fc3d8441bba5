"""What networks cost: starts on a bridge, published ports, names, throughput."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ck.kernel.linux.netns import new_network_namespace
from tests.bench.engines import IMAGE, Ck, Engine, inspect, run
from tests.bench.figures import Figure, in_turns, timed
from tests.bench.latency import all_at_once
from tests.bench.processes import pss

AT_ONCE = 64
MANY = 500
EDGE = 25
QUERIES = 20000
SECONDS = 3
HOST, NEIGHBOUR = "10.98.0.1", "10.98.0.2"


def run_rm_bridge(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`run --rm IMAGE true`, on the default bridge, without and with a published port."""
    figures = []
    for options in ([], ["-p", "8080:80"]):
        words = ["run", "--rm", *options, IMAGE, "true"]

        def once(engine: Engine, words: list[str] = words) -> float:
            return timed(lambda: run(engine, *words))

        figures += in_turns(" ".join(words), engines, rounds, once)
    return figures


def run_d_64(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """64 `run -d` at once, on one bridge and without one."""
    figures = []
    for network in ("bridge", "host"):

        def once(engine: Engine, network: str = network) -> float:
            names = [f"ck-bench-{uuid.uuid4().hex[:8]}" for _ in range(AT_ONCE)]
            words = ("run", "-d", "--network", network, "--name")
            commands = [engine.command(*words, name, IMAGE, "sleep", "10000") for name in names]
            try:
                return timed(lambda: all_at_once(commands, engine.environment))
            finally:
                run(engine, "rm", "-f", *names)

        figures += in_turns(f"{AT_ONCE} x run -d --network {network} at once", engines, max(1, rounds // 3), once)
    return figures


def network_500(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """The first and the last starts of 500 containers on one network. Of ck only."""
    return [figure for engine in engines if isinstance(engine, Ck) for figure in _network_500(engine)]


def _network_500(engine: Engine) -> list[Figure]:
    names = [f"ck-bench-{number}-{uuid.uuid4().hex[:8]}" for number in range(MANY)]

    def start(name: str) -> float:
        return timed(lambda: run(engine, "run", "-d", "--network", "ck-bench", "--name", name, IMAGE, "sleep", "10000"))

    run(engine, "network", "create", "ck-bench")
    try:
        took = [start(name) for name in names]
    finally:
        run(engine, "rm", "-f", *names, check=False)
        run(engine, "network", "rm", "ck-bench", check=False)
    return [
        Figure(
            work=f"run -d, the {which} {EDGE} of {MANY} on one network",
            engine=engine.name,
            unit="ms",
            values=tuple(values),
        )
        for which, values in (("first", took[:EDGE]), ("last", took[-EDGE:]))
    ]


def publish(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """What 1,000 and 10,000 published ports cost beside none: time, and the daemons' memory. Of ck only."""
    return [
        figure
        for engine in engines
        if isinstance(engine, Ck)
        for count in (1000, 10000)
        for figure in _publish(engine, count)
    ]


def _publish(engine: Engine, count: int) -> list[Figure]:
    sizes: list[float] = []

    def start(*ports: str) -> float:
        name = f"ck-bench-{uuid.uuid4().hex[:8]}"
        run(engine, "create", "--name", name, *ports, IMAGE, "sleep", "10000")
        before = pss(engine.daemons())
        took = timed(lambda: run(engine, "start", name))
        sizes.append(pss(engine.daemons()) - before)
        run(engine, "rm", "-f", name)
        return took

    start()
    sizes.clear()
    ports = ("-p", f"20000-{19999 + count}:20000-{19999 + count}")
    times = [start(*ports) - start() for _ in range(3)]
    return [
        Figure(work=f"start with {count} ports, beside none", engine=engine.name, unit="ms", values=tuple(times)),
        Figure(work=f"{count} ports, Pss", engine=engine.name, unit="MB", values=tuple(sizes[::2])),
    ]


def dns(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """A container's name asked from another, by one client, one question after another."""
    found: dict[str, list[tuple[float, float]]] = {engine.name: [] for engine in engines}
    pids = {}
    for engine in engines:
        run(engine, "network", "create", "ck-bench")
        for name in ("ck-bench-db", "ck-bench-web"):
            run(engine, "run", "-d", "--network", "ck-bench", "--name", name, IMAGE, "sleep", "10000")
        pids[engine.name] = int(str(inspect(engine, "ck-bench-web")["Pid"]))
    try:
        client = (sys.executable, str(Path(__file__).with_name("dns_client.py")), "ck-bench-db", str(QUERIES))
        for _ in range(max(1, rounds // 3)):
            for engine in engines:
                words = ("nsenter", f"--net=/proc/{pids[engine.name]}/ns/net", *client)
                said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
                found[engine.name].append((float(said[0]), float(said[1])))
    finally:
        for engine in engines:
            run(engine, "rm", "-f", "ck-bench-db", "ck-bench-web", check=False)
            run(engine, "network", "rm", "ck-bench", check=False)
    return [
        figure
        for name, values in found.items()
        for figure in (
            Figure(work="name of a container, p50", engine=name, unit="us", values=tuple(each[0] for each in values)),
            Figure(work="names a second", engine=name, unit="", values=tuple(each[1] for each in values)),
        )
    ]


def published(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """From a neighbour of the host to a published port: iperf3 with one stream, and short connections."""
    program = str(Path(__file__).with_name("connections.py"))
    with _neighbours(engines) as lans, ExitStack() as stack:
        for engine in engines:
            run(
                engine,
                "run",
                "-d",
                "--name",
                "ck-bench-web",
                "-p",
                "5201:5201",
                "-p",
                "5202:5202",
                IMAGE,
                "sleep",
                "1d",
            )
            stack.callback(run, engine, "rm", "-f", "ck-bench-web", check=False)
            pid = inspect(engine, "ck-bench-web")["Pid"]
            for server in (["iperf3", "-s", "--forceflush"], [sys.executable, program, "serve", "5202"]):
                stack.enter_context(_serving(["nsenter", f"--net=/proc/{pid}/ns/net", *server]))

        def visit(engine: Engine, *words: str) -> str:
            lan = lans[engine.name]
            command = ("nsenter", f"--net=/proc/self/fd/{lan}", *words)
            return subprocess.run(command, pass_fds=(lan,), capture_output=True, text=True, check=True).stdout

        def stream(engine: Engine) -> float:
            said = json.loads(visit(engine, "iperf3", "-J", "-t", str(SECONDS), "-c", HOST))
            return float(said["end"]["sum_received"]["bits_per_second"]) / 1e9

        def connections(engine: Engine) -> float:
            return float(visit(engine, sys.executable, program, "call", HOST, "5202", str(SECONDS)))

        turns = max(1, rounds // 3)
        return [
            *in_turns("published port, one stream", engines, turns, stream, unit="Gbit/s"),
            *in_turns("published port, connections a second", engines, turns, connections, unit=""),
        ]


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if "listening" in line or "ready" in line:
                    break
            else:
                raise AssertionError(f"{command} has ended")
            yield
        finally:
            server.kill()


@contextmanager
def _neighbours(engines: Sequence[Engine]) -> Iterator[dict[str, int]]:
    """A namespace beside each engine's, as fds by the engines' names."""
    lans: dict[str, int] = {}
    try:
        for engine in engines:
            lan = lans[engine.name] = new_network_namespace()
            host = engine.registry_prefix()
            _ip(host, lan, f"link add ckb0 type veth peer name ckb1 netns /proc/self/fd/{lan}")
            _ip(host, lan, f"addr add {HOST}/24 dev ckb0")
            _ip(host, lan, "link set ckb0 up")
            inside = ("nsenter", f"--net=/proc/self/fd/{lan}")
            _ip(inside, lan, f"addr add {NEIGHBOUR}/24 dev ckb1")
            _ip(inside, lan, "link set ckb1 up")
        yield lans
    finally:
        for lan in lans.values():
            os.close(lan)


def _ip(prefix: Sequence[str], lan: int, words: str) -> None:
    subprocess.run([*prefix, "ip", *words.split()], pass_fds=(lan,), check=True)
