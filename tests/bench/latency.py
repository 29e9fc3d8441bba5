"""How long a user waits."""

import os
import subprocess
import uuid
from collections.abc import Sequence

from tests.bench.engines import IMAGE, Engine, inspect, run
from tests.bench.figures import Figure, in_turns, timed
from tests.bench.processes import ProcessEvents

AT_ONCE = 20


def run_rm_host(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`run --rm --network host IMAGE true`."""
    return in_turns(
        "run --rm --network host IMAGE true",
        engines,
        rounds,
        lambda engine: timed(lambda: run(engine, "run", "--rm", "--network", "host", IMAGE, "true")),
    )


def run_rm_none(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`run --rm --network none IMAGE true`."""
    return in_turns(
        "run --rm --network none IMAGE true",
        engines,
        rounds,
        lambda engine: timed(lambda: run(engine, "run", "--rm", "--network", "none", IMAGE, "true")),
    )


def exec_true(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`exec CONTAINER true`."""
    name = f"ck-bench-{uuid.uuid4().hex[:8]}"
    for engine in engines:
        run(engine, "run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "10000")
    try:
        return in_turns(
            "exec CONTAINER true", engines, rounds, lambda engine: timed(lambda: run(engine, "exec", name, "true"))
        )
    finally:
        for engine in engines:
            run(engine, "rm", "-f", name)


def run_d_20(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """20 `run -d --network none` at once."""

    def once(engine: Engine) -> float:
        names = [f"ck-bench-{uuid.uuid4().hex[:8]}" for _ in range(AT_ONCE)]
        commands = [
            engine.command("run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "10000") for name in names
        ]
        try:
            return timed(lambda: all_at_once(commands, engine.environment))
        finally:
            run(engine, "rm", "-f", *names)

    return in_turns(f"{AT_ONCE} x run -d --network none at once", engines, max(1, rounds // 3), once)


def all_at_once(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> None:
    """Run all, and wait for all. Raises: AssertionError where one fails."""
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for command in commands
    ]
    codes = [process.wait() for process in processes]
    assert not any(codes), f"exit codes {codes}"


def cpu_run(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """CPU time of the client process itself for a `run`."""

    def once(engine: Engine) -> float:
        command = engine.command("run", "--rm", "--network", "none", IMAGE, "true")
        process = subprocess.Popen(command, env=engine.environment, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{engine.name}: exit code {process.returncode}"
        return (usage.ru_utime + usage.ru_stime) * 1000

    return in_turns("CPU of the client for a run", engines, rounds, once)


def fork_exec(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """From the fork of a container's process 1 to the exec of its program."""

    def once(engine: Engine) -> float:
        name = f"ck-bench-{uuid.uuid4().hex[:8]}"
        try:
            with ProcessEvents() as events:
                run(engine, "run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "10000")
                return events.fork_to_exec(int(str(inspect(engine, name)["Pid"])))
        finally:
            run(engine, "rm", "-f", name)

    return in_turns("fork to exec of process 1", engines, rounds, once)
