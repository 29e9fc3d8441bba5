"""How fast the lines of logs go through."""

import subprocess
import uuid
from collections.abc import Sequence

from tests.bench.engines import IMAGE, Engine, run
from tests.bench.figures import Figure, in_turns, timed

LINE = "x" * 95  # and the newline
MILLION = 1_000_000


def log_lines(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """A million lines from a container to an attached client, through each engine's default log."""

    def once(engine: Engine) -> float:
        name = f"ck-bench-{uuid.uuid4().hex[:8]}"
        command = [
            "run",
            "--network",
            "none",
            "--name",
            name,
            *_default_log(engine),
            IMAGE,
            "sh",
            "-c",
            _lines(MILLION),
        ]
        try:
            return timed(lambda: run(engine, *command, stdout=subprocess.DEVNULL))
        finally:
            run(engine, "rm", "-f", name)

    return in_turns("1 M log lines, attached", engines, max(1, rounds // 3), once)


def logs_tail(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """`logs --tail 10` of three million lines."""
    name = f"ck-bench-{uuid.uuid4().hex[:8]}"
    try:
        for engine in engines:
            command = ["run", "-d", "--network", "none", "--name", name, *_default_log(engine), IMAGE]
            run(engine, *command, "sh", "-c", _lines(3 * MILLION))
            run(engine, "wait", name)
        return in_turns(
            "logs --tail 10 of 3 M lines",
            engines,
            rounds,
            lambda engine: timed(lambda: run(engine, "logs", "--tail", "10", name)),
        )
    finally:
        for engine in engines:
            run(engine, "rm", "-f", name, check=False)


def _lines(count: int) -> str:
    return f"yes {LINE} | head -n {count}"


def _default_log(engine: Engine) -> list[str]:
    # Podman's default is the journal, which a machine without systemd does not have.
    return ["--log-driver", "k8s-file"] if engine.name == "podman" else []
