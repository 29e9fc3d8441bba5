"""`./dev soak --minutes N`: see soak.py."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import Soak
from tests.support.busybox import busybox_layout
from tests.support.daemon import Daemon
from tests.support.machine import Machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev soak", description=Soak.__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Machine() as machine:
        image, written = busybox_layout(Path(scratch)), Path(scratch, "written")
        written.mkdir()
        with Daemon(config="", netns=machine.host) as daemon:
            soak = Soak(machine, daemon, image, written, containers=options.containers, seed=options.seed)
            soak.run(options.minutes * 60, clients=options.clients)
            print(f"seed {options.seed}: ckd was killed {soak.kills} times")
            for what, count in sorted(soak.done.items()):
                print(f"  {count:8} {what}")
            for problem in soak.problems:
                print(problem, file=sys.stderr)
            print(f"{len(soak.problems)} problems")
            return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
