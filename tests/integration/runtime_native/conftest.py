"""A root file system, and a bench per test that must leave nothing behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ck.kernel.drivers.storage import RootMount
from ck.kernel.linux.cgroup import Group, detect
from ck.kernel.testing.runtime_bench import Bench
from ck.plugins.builtin.runtime_native.plugin import make_runtime
from tests.support import census
from tests.support.busybox import busybox_tar


@pytest.fixture(scope="session")
def root_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked root; tests bind it, so none may write to it."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["tar", "-x", "-C", root], input=busybox_tar(), check=True)
    for name in ("proc", "dev", "sys"):
        (root / name).mkdir()
    return root


@pytest.fixture
def bench(tmp_path: Path, root_directory: Path) -> Iterator[Bench]:
    """Drivers and bundles; at its end no process, mount, cgroup or run of the test may be left."""
    markers = [str(tmp_path)]
    before = census.take(markers)
    running = set(census.processes(markers))  # engines and servers of the whole session
    yield Bench(
        make=lambda: make_runtime({}),
        root=(RootMount(type="bind", source=str(root_directory)),),
        directory=tmp_path,
    )
    census.settle(set(census.processes(markers)) - running)
    left = [*census.left_since(before, markers), *map(str, tmp_path.glob("state/*/plan.json"))]
    _take_down(set(census.processes(markers)) - running, tmp_path)
    assert not left, "the test left these behind:\n" + "\n".join(left)


def _take_down(pids: set[int], directory: Path) -> None:
    """What a test that failed has left must not stay on the machine."""
    layout = detect()
    for run in directory.glob("state/*/"):
        Group(layout, run.name).kill()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    census.settle(pids)
    for run in directory.glob("state/*/"):
        Group(layout, run.name).remove()
