"""The same faults for each engine that has a daemon: what runs on, what is known afterwards, what is left behind."""

import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeGuard

import trio

from ck.kernel.events import Event, Noun
from ck.kernel.store import Store
from tests.bench.engines import IMAGE, Ck, Engine, Mortal, run
from tests.bench.figures import Figure, timed
from tests.bench.processes import cpu_seconds
from tests.support.census import settled

MANY: Final = 200
FEW: Final = 10
CUT_OFF: Final = 30
PROBED: Final = 100
PROBE_SECONDS: Final = 40
EVENTS: Final = 20_000
_VISITOR: Final = """
import sys, urllib.request as r
good = bad = 0
print("begins", flush=True)
while not sys.stdin.closed:
    import select
    if select.select([sys.stdin], [], [], 0)[0]:
        break
    try:
        good += r.urlopen("http://127.0.0.1:9480/", timeout=5).read() == b"well\\n"
    except OSError:
        bad += 1
print(good, bad)
"""


def _mortal(engine: Engine) -> TypeGuard[Mortal]:
    return hasattr(engine, "kill9")


def recover_200(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """kill -9 of the daemon over 200 running containers; then until `ps` is right, by which time all are attached to
    again. Of ck only: Docker's default ends the containers."""
    figures = []
    for engine in engines:
        if not isinstance(engine, Ck):
            continue
        names = [f"ck-bench-{number}" for number in range(MANY)]
        for name in names:
            run(engine, "run", "-d", "--name", name, IMAGE, "sleep", "100000")
        values = []
        for _ in range(5):
            engine.kill9()
            begin = time.perf_counter()
            engine.revive()
            assert len(run(engine, "ps", "-q").split()) == MANY
            values.append((time.perf_counter() - begin) * 1000)
        for name in random.sample(names, 20):
            run(engine, "exec", name, "true")
        run(engine, "rm", "-f", *names)
        work = f"kill -9 over {MANY} containers, until ps is right"
        figures.append(Figure(work=work, engine=engine.name, unit="ms", values=tuple(values)))
    return figures


def faults(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """The daemon is killed: over running containers, and in the middle of `run` and `rm -f`."""
    figures = []
    for engine in engines:
        if not _mortal(engine):
            continue
        figures += [
            Figure(work=work, engine=engine.name, unit="", values=(value,))
            for work, value in {**_killed_over_running(engine), **_killed_in_the_middle(engine)}.items()
        ]
    return figures


def _killed_over_running(engine: Mortal) -> dict[str, float]:
    names = [f"ck-bench-{uuid.uuid4().hex[:8]}" for _ in range(FEW)]
    check = ("--health-cmd", "true", "--health-interval", "1s")
    for name in names:
        run(engine, "run", "-d", "--name", name, *check, IMAGE, "sleep", "100000")
    pids = {name: _state(engine, name)["Pid"] for name in names}
    assert settled(lambda: _healthy(engine, names), FEW) == FEW
    begin = datetime.now(UTC)
    engine.kill9()
    took = timed(engine.revive)
    same = sum(_state(engine, name)["Pid"] == pids[name] for name in names)
    probed = settled(lambda: sum(_probed_since(engine, name, begin) for name in names), FEW)
    since = int((begin - timedelta(minutes=10)).timestamp())
    told = run(engine, "events", "--since", str(since), "--until", "0s", "--filter", "event=start")
    run(engine, "rm", "-f", *names)
    return {
        f"ms until it answers again, {FEW} containers": took,
        f"of {FEW} containers run on": same,
        f"of {FEW} health checks go on": probed,
        f"of {FEW} starts before are still told by events": sum(name in told for name in names),
    }


def _state(engine: Engine, name: str) -> dict[str, object]:
    state: dict[str, object] = json.loads(run(engine, "inspect", name))[0]["State"]
    return state


def _healthy(engine: Engine, names: Sequence[str]) -> int:
    shown = run(engine, "ps", "--filter", "health=healthy", "--format", "{{.Names}}").split()
    return sum(name in shown for name in names)


def _probed_since(engine: Engine, name: str, begin: datetime) -> bool:
    health = _state(engine, name).get("Health")
    log = health["Log"] if isinstance(health, dict) else []
    return bool(log) and str(log[-1]["Start"])[:19] > begin.isoformat()[:19]


def _killed_in_the_middle(engine: Mortal) -> dict[str, float]:
    run(engine, "run", "--rm", IMAGE, "true")  # what is made once for all is there afterwards
    before, dice = engine.possessions(), random.Random(1)
    taken = 0
    for number in range(CUT_OFF):
        name = f"ck-bench-cut-{number % 5}"
        verb: tuple[str, ...] = ("run", "-d", "--name", name, "-p", f"{9600 + number}:80", IMAGE, "sleep", "100000")
        if number % 2:
            run(engine, *verb, check=False)
            verb = ("rm", "-f", name)
        client = subprocess.Popen(
            engine.command(*verb), env=engine.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(dice.uniform(0.02, 0.4))  # how far it has come is what varies
        engine.kill9()
        client.wait()
        engine.revive()
        run(engine, "rm", "-f", name, check=False)
        again = ("create", "--name", name, IMAGE, "true")
        made = subprocess.run(engine.command(*again), env=engine.environment, capture_output=True, check=False)
        taken += made.returncode != 0
        run(engine, "rm", "-f", name, check=False)
    if names := run(engine, "ps", "-aq").split():
        run(engine, "rm", "-f", *names, check=False)
    nothing: dict[str, int] = {}
    after = settled(lambda: _more(engine, before), nothing)
    return {
        f"of {CUT_OFF} cut off in the middle: names still taken after rm -f": taken,
        **{f"of {CUT_OFF} cut off in the middle: {noun} left": after.get(noun, 0) for noun in before},
    }


def _more(engine: Mortal, before: dict[str, int]) -> dict[str, int]:
    now = engine.possessions()
    return {noun: now[noun] - count for noun, count in before.items() if now[noun] > count}


def restart_http(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`ck engine restart`, three times, under visits to a published port."""
    figures = []
    for engine in engines:
        if not isinstance(engine, Ck):
            continue
        serve = "mkdir /www; echo well >/www/index.html; httpd -p 80 -h /www; exec sleep 100000"
        run(engine, "run", "-d", "--name", "ck-bench-web", "-p", "9480:80", IMAGE, "sh", "-c", serve)
        visitor = subprocess.Popen(
            [*engine.registry_prefix(), sys.executable, "-c", _VISITOR],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert visitor.stdout is not None
        visitor.stdout.readline()
        took = tuple(timed(lambda: run(engine, "engine", "restart")) for _ in range(3))  # noqa: B023 called at once
        said, _ = visitor.communicate("end\n")
        good, bad = map(float, said.split())
        run(engine, "rm", "-f", "ck-bench-web")
        figures += [
            Figure(work="engine restart", engine=engine.name, unit="ms", values=took),
            Figure(work="visits to a published port during 3 restarts", engine=engine.name, unit="", values=(good,)),
            Figure(work="of them failed", engine=engine.name, unit="", values=(bad,)),
        ]
    return figures


def health_http(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """What 100 HTTP probes every 5 s take of a core in the engine. Of ck only: Docker starts a process for each."""
    figures = []
    for engine in engines:
        if not isinstance(engine, Ck):
            continue
        names = [f"ck-bench-{number}" for number in range(PROBED)]
        serve = "mkdir /www; echo well >/www/ok; httpd -p 8080 -h /www; exec sleep 100000"
        check = ("--health-http", ":8080/ok", "--health-interval", "5s")
        for name in names:
            run(engine, "run", "-d", "--network", "none", "--name", name, *check, IMAGE, "sh", "-c", serve)
        assert settled(lambda: _healthy(engine, names), PROBED, 30) == PROBED  # noqa: B023 called at once
        pids = engine.daemons()
        before = cpu_seconds(pids)
        time.sleep(PROBE_SECONDS)  # what is measured is what is spent meanwhile
        spent = (cpu_seconds(pids) - before) / PROBE_SECONDS * 100
        run(engine, "rm", "-f", *names)
        work = f"{PROBED} HTTP probes every 5 s, of a core"
        figures.append(Figure(work=work, engine=engine.name, unit="%", values=(spent,)))
    return figures


def journal(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Events a second that the store takes, from 8 tasks that each wait for their commit."""
    if not any(isinstance(engine, Ck) for engine in engines):
        return []
    rate = trio.run(_journal_rate)
    return [Figure(work="events a second into the journal", engine="ck", unit="", values=(rate,))]


async def _journal_rate() -> float:
    store = Store(lambda recorded: None, max_events=200_000, max_age=timedelta(days=30))
    event = Event(
        noun=Noun.CONTAINER,
        action="health_status: healthy",
        subject="c" * 64,
        at=datetime.now(UTC),
        attributes={"image": "busybox", "name": "web"},
    )

    async def publish() -> None:
        for _ in range(EVENTS // 8):
            await store.commit([], [event])

    with tempfile.TemporaryDirectory() as scratch:
        await store.open(Path(scratch, "ck.db"))
        begin = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(publish)
        took = time.perf_counter() - begin
        await store.close()
    return EVENTS / took
