"""A root file system, and a bench per test that must leave nothing behind."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ck.kernel.drivers.storage import RootMount
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
    left = [*census.take(markers).since(before), *map(str, tmp_path.glob("state/*/plan.json"))]
    assert not left, "the test left these behind:\n" + "\n".join(left)
