"""A client that goes at every moment of its build: nothing is left of it, whatever the engine was at."""

import signal
from pathlib import Path

import pytest

from tests.crash.stage import Stage
from tests.support.census import settled
from tests.support.daemon import Client

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]


def test_the_client_goes(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {stage.image}\nWORKDIR /made\nRUN --network=none true\n")

    def build() -> Client:
        return stage.daemon.popen("build", "--no-cache", "-t", "ck-made:1", tmp_path)

    def left() -> list[str]:
        scratch = (stage.daemon.data_root / "data/builds").iterdir()
        return [*(each["Id"] for each in stage.api.containers(all=True)), *(str(path) for path in scratch)]

    stage.revive()
    stage.clear()
    stage.order("record")
    with build() as client:
        client.communicate()
    assert client.returncode == 0
    points = stage.passed()
    assert any("write_copy" in point for point in points), "the container of a step is a part of it"
    for number in range(1, len(points) + 1):
        stage.clear()
        stage.order(f"hold {number}")
        with build() as client, stage.held(client) as held:
            if held:
                client.send_signal(signal.SIGINT)
                client.wait()
        stage.order("")
        where = f"at moment {number} of {len(points)}, {points[number - 1]}"
        assert settled(lambda: stage.daemon.abandoned, 0) == 0, where
        assert left() == [], where
        assert stage.leaks() == [], where
    stage.clear()
