"""`./dev bench`: measure, print a table, keep the values."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import builds, footprint, images, latency, networks, reliability, throughput, walls_cost
from tests.bench.disks import DISKS, disk
from tests.bench.engines import Engine, available, started
from tests.bench.figures import Figure, document, machine, table
from tests.bench.walls import walls
from tests.support.daemon import TREE

Bench = Callable[[Sequence[Engine], int], list[Figure]]
BENCHES: dict[str, Bench] = {
    "run_rm_host": latency.run_rm_host,
    "run_rm_none": latency.run_rm_none,
    "exec": latency.exec_true,
    "run_d_20": latency.run_d_20,
    "cpu_run": latency.cpu_run,
    "fork_exec": latency.fork_exec,
    "shim_pss": footprint.shim_pss,
    "idle": footprint.idle,
    "log_lines": throughput.log_lines,
    "logs_tail": throughput.logs_tail,
    "image_first_run": images.image_first_run,
    "image_large": images.image_large,
    "leaks": footprint.leaks,
    "run_rm_bridge": networks.run_rm_bridge,
    "run_d_64": networks.run_d_64,
    "network_500": networks.network_500,
    "publish": networks.publish,
    "dns": networks.dns,
    "published": networks.published,
    "faults": reliability.faults,
    "recover_200": reliability.recover_200,
    "restart_http": reliability.restart_http,
    "health_http": reliability.health_http,
    "journal": reliability.journal,
    "walls_cost": walls_cost.walls_cost,
    "stats_100": walls_cost.stats_100,
    "build_cached": builds.build_cached,
    "build_copy": builds.build_copy,
    "build_stages": builds.build_stages,
}
RESULTS = TREE / ".work" / "bench"


def main() -> int:
    # Who is told to end takes its engines down, with what they have mounted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure ck, beside others where installed.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)}; default all; or walls")
    parser.add_argument("--rounds", type=int, default=9, help="turns that count, for what is quick (default 9)")
    parser.add_argument(
        "--engines", default="ck,docker,podman,buildah", help="which engines, of those installed; buildah only builds"
    )
    parser.add_argument("--disk", choices=DISKS, default="machine", help="a file system of its own for all of it")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write a page of Markdown")
    options = parser.parse_args()
    if options.names == ["walls"]:
        print(f"{machine()}\n\n{walls(options.engines.split(','))}")
        return 0
    if unknown := set(options.names) - BENCHES.keys():
        parser.error(f"there is no bench {sorted(unknown)[0]!r}; there are: {', '.join(BENCHES)}")
    figures: list[Figure] = []
    with ExitStack() as stack:
        stack.enter_context(disk(options.disk))
        engines = available(options.engines.split(","))
        started(engines, stack)
        for name in options.names or BENCHES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            able = [engine for engine in engines if engine.name != "buildah" or name.startswith("build_")]
            found = BENCHES[name](able, options.rounds)
            figures += found
            print(table(found, [engine.name for engine in engines]), file=sys.stderr, flush=True)
    result = table(figures, [engine.name for engine in engines])
    print(f"{machine()}; medians; in brackets: times ck's\n\n{result}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "latest.json").write_text(document(figures))
    if options.write:
        options.write.write_text(page(result))
    return 0


def page(result: str) -> str:
    return (
        f"# Benchmarks\n\n{machine()}, {datetime.now(UTC):%Y-%m-%d}. Medians of turns taken one engine after the other;"
        f" in brackets how many times ck's median. Made by `./dev bench --write docs/benchmarks.md`.\n\n{result}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
