"""How long builds take: all cached, many files, stages side by side."""

import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.engines import IMAGE, Engine, run
from tests.bench.figures import Figure, in_turns, timed

STEPS = 20
FILES, DIRECTORIES = 20_000, 100


def build_cached(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """A Dockerfile of 20 steps of all kinds that were done before."""
    lines = [f"FROM {IMAGE}", "WORKDIR /app", "ENV A=b"]
    lines += [f"RUN echo {number} > /app/{number}" for number in range(STEPS - 6)]
    lines += ["COPY file /app/file", "EXPOSE 80", 'CMD ["true"]']

    def fill(context: Path) -> None:
        (context / "file").write_text("content")

    return _builds("build of 20 steps, all cached", engines, rounds, "\n".join(lines), fill, warm=True)


def build_copy(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """COPY of 20,000 small files that are not in the cache."""

    def fill(context: Path) -> None:
        for number in range(FILES):
            directory = context / f"d{number % DIRECTORIES}"
            directory.mkdir(exist_ok=True)
            (directory / f"f{number}").write_text(f"{number} " * 20)

    return _builds(
        "build that copies 20,000 files", engines, max(1, rounds // 3), f"FROM {IMAGE}\nCOPY . /all/\n", fill
    )


def build_stages(engines: Sequence[Engine], rounds: int) -> list[Figure]:
    """Five stages that sleep for 1.0, 0.8, 0.6, 0.4 and 0.2 s, of which the last needs the others. The two longest are
    1.8 s."""
    lines = []
    for number, seconds in enumerate(("1.0", "0.8", "0.6", "0.4")):
        lines += [f"FROM {IMAGE} AS s{number}", f"RUN sleep {seconds}; echo {number} > /r"]
    lines += [f"FROM {IMAGE}", "RUN sleep 0.2", *(f"COPY --from=s{number} /r /r{number}" for number in range(4))]
    return _builds("build of five stages", engines, max(1, rounds // 3), "\n".join(lines), lambda context: None)


def _builds(
    work: str,
    engines: Sequence[Engine],
    rounds: int,
    dockerfile: str,
    fill: Callable[[Path], None],
    *,
    warm: bool = False,
) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="ck-bench-") as directory:
        context = Path(directory)
        fill(context)
        (context / "Dockerfile").write_text(dockerfile)
        fresh = [] if warm else ["--no-cache"]

        def once(engine: Engine) -> float:
            name = f"ck-bench-{uuid.uuid4().hex[:8]}"
            # Docker's own builder, and not the plugin that is another program.
            environment = {**engine.environment, "DOCKER_BUILDKIT": "0"}
            try:
                return timed(lambda: run(engine, "build", *fresh, "-t", name, directory, environment=environment))
            finally:
                run(engine, "rmi", name)

        if warm:
            for engine in engines:
                run(
                    engine,
                    "build",
                    "-t",
                    "ck-bench-warm",
                    directory,
                    environment={**engine.environment, "DOCKER_BUILDKIT": "0"},
                )
        return in_turns(work, engines, rounds, once)
