"""An engine that can be told to kill itself, its forkserver or its shims at a moment of our choice."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.stage import Stage
from tests.support.busybox import busybox_layout
from tests.support.daemon import TREE, Daemon
from tests.support.fault_points import ORDERS
from tests.support.machine import Machine

CONFIG = '[plugins]\nmodules = ["tests.support.fault_points"]\n'


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    image = busybox_layout(tmp_path_factory.mktemp("crash"))
    orders = tmp_path_factory.mktemp("orders") / "orders"
    os.mkfifo(orders.with_suffix(".hold"))
    env = {ORDERS: str(orders), "PYTHONPATH": os.pathsep.join([str(TREE / "src"), str(TREE)])}
    with Machine() as machine, Daemon(config=CONFIG, netns=machine.host, env=env) as daemon:
        stage = Stage(machine, daemon, image, Path(orders))
        stage.open()
        yield stage
        stage.orders.unlink(missing_ok=True)
