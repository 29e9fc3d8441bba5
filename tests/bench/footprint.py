"""What an engine takes while nothing happens, and what it leaves behind."""

import os
import time
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.engines import IMAGE, Ck, Engine, inspect, run
from tests.bench.figures import Figure, timed
from tests.bench.processes import cpu_seconds, pss
from tests.support.census import parent_of, settled

RUNNING = 40
IDLE_SECONDS = 10
RUNS = 1000


def shim_pss(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Memory of the process that stands over each of 40 running containers."""
    figures = []
    for engine in engines:
        names = [f"ck-bench-{uuid.uuid4().hex[:8]}" for _ in range(RUNNING)]
        try:
            for name in names:
                run(engine, "run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "10000")
            shims = {parent_of(int(str(inspect(engine, name)["Pid"]))) for name in names}
            values = tuple(pss([shim]) for shim in shims)
        finally:
            run(engine, "rm", "-f", *names, check=False)
        figures.append(Figure(work=f"Pss of a shim, {RUNNING} running", engine=engine.name, unit="MB", values=values))
    return figures


def idle(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Memory and CPU time of the daemons while nothing happens."""
    figures = []
    for engine in engines:
        run(engine, "run", "--rm", "--network", "none", IMAGE, "true")
        pids = engine.daemons()
        if not pids:
            continue
        before = cpu_seconds(pids)
        time.sleep(IDLE_SECONDS)  # what is measured is that nothing happens meanwhile
        spent = (cpu_seconds(pids) - before) * 1000 / IDLE_SECONDS
        figures.append(Figure(work="idle daemons, Pss", engine=engine.name, unit="MB", values=(pss(pids),)))
        figures.append(Figure(work="idle daemons, CPU a second", engine=engine.name, unit="ms", values=(spent,)))
    return figures


def leaks(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """What 1,000 `run --rm` in a row leave behind, and how long each takes. Of ck only."""
    figures = []
    for engine in engines:
        if not isinstance(engine, Ck):
            continue
        for _ in range(5):  # what is made once for all is there afterwards
            run(engine, "run", "--rm", "--network", "none", IMAGE, "true")
        before = _possessions(engine)
        took = tuple(_run_once(engine) for _ in range(RUNS))
        after = settled(partial(_possessions, engine), before)
        figures.append(Figure(work=f"each of {RUNS} run --rm in a row", engine=engine.name, unit="ms", values=took))
        figures += [
            Figure(work=f"{noun} more than before", engine=engine.name, unit="", values=(after[noun] - before[noun],))
            for noun in before
        ]
    return figures


def _run_once(engine: Engine) -> float:
    return timed(lambda: run(engine, "run", "--rm", "--network", "none", IMAGE, "true"))


def _possessions(engine: Ck) -> dict[str, int]:
    pids = engine.everything()
    return {
        "processes": len(pids),
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
        "files": sum(len(files) + len(below) for root in engine.roots for _, below, files in os.walk(root)),
        "cgroups": sum(1 for _ in Path("/sys/fs/cgroup").glob("**/cgroup.procs")),
    }
