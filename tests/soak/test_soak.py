"""A short soak; `./dev soak --minutes N` is a long one."""

import os
import random
from pathlib import Path

import pytest

from tests.soak.soak import Soak
from tests.support.busybox import busybox_layout
from tests.support.daemon import Daemon
from tests.support.machine import Machine


@pytest.mark.root
@pytest.mark.timeout(400)
def test_half_a_minute(tmp_path: Path) -> None:
    seed = int(os.environ.get("CK_SEED", random.randrange(1 << 32)))
    written = tmp_path / "written"
    written.mkdir()
    with Machine() as machine, Daemon(config="", netns=machine.host) as daemon:
        soak = Soak(machine, daemon, busybox_layout(tmp_path), written, containers=30, seed=seed)
        soak.run(30)
        print(f"CK_SEED={seed}: {soak.kills} kills; {dict(sorted(soak.done.items()))}")
        assert soak.problems == [], daemon.log_tail()
        assert soak.kills > 3 and soak.done["lines"] > 20
