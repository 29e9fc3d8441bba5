"""What limits and walls cost. Of ck only: others have no switch for most of them."""

import time
import uuid
from collections.abc import Sequence

import docker

from tests.bench.engines import IMAGE, Ck, Engine, inspect, run
from tests.bench.figures import Figure, timed
from tests.bench.processes import ProcessEvents, cpu_seconds

STREAMED = 100
STREAM_SECONDS = 20.0
_VARIANTS = {
    "no walls": (
        "--userns",
        "host",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "systempaths=unconfined",
    ),
    "all walls, the host's users": ("--userns", "host"),
    "all walls, users of its own": ("--userns", "auto"),
}


def walls_cost(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """A start with and without the walls, in turns: the whole of `run --rm`, and from fork to exec."""
    figures = []
    for engine in engines:
        if isinstance(engine, Ck):
            figures += _in_turns(engine, "run --rm, {}", 4 * rounds, _whole)
            figures += _in_turns(engine, "fork to exec, {}", 2 * rounds, _fork_to_exec)
    return figures


def _in_turns(engine: Ck, work: str, rounds: int, once: object) -> list[Figure]:
    assert callable(once)
    values: dict[str, list[float]] = {variant: [] for variant in _VARIANTS}
    for number in range(rounds + 1):
        for variant, options in _VARIANTS.items():
            value = once(engine, options)
            if number:
                values[variant].append(value)
    return [
        Figure(work=work.format(variant), engine=engine.name, unit="ms", values=tuple(found))
        for variant, found in values.items()
    ]


def _whole(engine: Ck, options: Sequence[str]) -> float:
    return timed(lambda: run(engine, "run", "--rm", "--network", "none", *options, IMAGE, "true"))


def _fork_to_exec(engine: Ck, options: Sequence[str]) -> float:
    name = f"ck-bench-{uuid.uuid4().hex[:8]}"
    try:
        with ProcessEvents() as events:
            run(engine, "run", "-d", "--network", "none", "--name", name, *options, IMAGE, "sleep", "10000")
            return events.fork_to_exec(int(str(inspect(engine, name)["Pid"])))
    finally:
        run(engine, "rm", "-f", name)


def stats_100(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """What the engine spends on streaming the statistics of 100 containers, and how long one look takes."""
    return [figure for engine in engines if isinstance(engine, Ck) for figure in _stats_100(engine, 4 * rounds)]


def _stats_100(engine: Ck, rounds: int) -> list[Figure]:
    names = [f"ck-bench-{number}" for number in range(STREAMED)]
    for name in names:
        run(engine, "run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "100000")
    client = docker.APIClient(base_url=engine.environment["CK_HOST"], timeout=60)
    try:
        all_of_them = client._url("/ck/stats")
        with client._get(all_of_them, stream=True) as stream:
            lines = stream.iter_lines(chunk_size=1 << 20)
            next(lines)
            pids = engine.daemons()
            before, begin = cpu_seconds(pids), time.monotonic()
            while time.monotonic() < begin + STREAM_SECONDS:
                next(lines)
            spent = (cpu_seconds(pids) - before) / (time.monotonic() - begin) * 100
        one = [timed(lambda: client.stats(names[0], stream=False)) for _ in range(rounds)]
        every = [timed(lambda: client._get(all_of_them, params={"stream": "0"})) for _ in range(rounds)]
    finally:
        client.close()
        run(engine, "rm", "-f", *names)
    found = (
        (f"statistics of {STREAMED} containers each second, of a core", "%", [spent]),
        ("statistics of one container, once", "ms", one),
        (f"statistics of {STREAMED} containers, once", "ms", every),
    )
    return [Figure(work=work, engine="ck", unit=unit, values=tuple(values)) for work, unit, values in found]
