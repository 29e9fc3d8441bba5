"""Figures: taken in turns, told as medians and as ratios to ck's."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs

from tests.bench.engines import Engine


@attrs.frozen(kw_only=True)
class Figure:
    """What one engine took for one kind of work."""

    work: str
    engine: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def in_turns(
    work: str, engines: Sequence[Engine], rounds: int, once: Callable[[Engine], float], *, unit: str = "ms"
) -> list[Figure]:
    """Measure *once* with each engine, then with each again: what disturbs the machine for a while disturbs all alike.

    The first turn warms caches up and does not count.
    """
    values: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for number in range(rounds + 1):
        for engine in engines:
            value = once(engine)
            if number:
                values[engine.name].append(value)
    return [Figure(work=work, engine=name, unit=unit, values=tuple(found)) for name, found in values.items()]


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that *action* took."""
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def table(figures: Sequence[Figure], engines: Sequence[str]) -> str:
    """A Markdown table: medians, and how many times ck's median that is."""
    lines = [f"| work | {' | '.join(engines)} |", f"|---|{'---|' * len(engines)}"]
    for work in dict.fromkeys(figure.work for figure in figures):
        of_work = {figure.engine: figure for figure in figures if figure.work == work}
        base = of_work.get("ck")
        cells = [_cell(of_work.get(name), base) for name in engines]
        lines.append(f"| {work} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: Figure | None, base: Figure | None) -> str:
    if figure is None:
        return "-"
    text = f"{figure.median:.{0 if figure.median >= 100 else 1}f} {figure.unit}"
    if base is None or base is figure or base.median <= 0:
        return text
    return f"{text} ({figure.median / base.median:.1f}x)"


def document(figures: Sequence[Figure]) -> str:
    """All values as JSON, with machine and date."""
    facts = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    return json.dumps(facts | {"figures": [attrs.asdict(figure) for figure in figures]}, indent=2)


def machine() -> str:
    """The machine in one line."""
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 2**20
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}"
