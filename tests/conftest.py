"""For all tests: who may run what, and nothing is left behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import census
from tests.support.daemon import SESSION

INTEGRATION = Path(__file__).parent / "integration"

# `nohup` and `&` in a script start a run with these ignored, and every program of the tests
# would inherit that: ignored dispositions outlive an exec (signal(7)).
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
# A run that is told to end cleans up as one that is interrupted does.
signal.signal(signal.SIGTERM, signal.default_int_handler)


# A machine that is busy draws slowly, and a time limit would make that a failure of the code.
settings.register_profile("ck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ck")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.path.is_relative_to(INTEGRATION) or item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root: run `sudo ./dev test`"))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the run when the machine has more of ours at its end than at its beginning.

    Made first and so torn down last, after all engines have ended.
    """
    markers = [str(tmp_path_factory.getbasetemp()), SESSION]
    before = census.take(markers)
    yield
    census.settle(census.processes(markers))
    left = census.left_since(before, markers)
    assert not left, "the tests left these behind:\n" + "\n".join(left)
