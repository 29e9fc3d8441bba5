"""Directories that appear whole and go away at once."""

from pathlib import Path

import pytest

from ck.kernel.archive.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.open()
    return stage


def make(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    (path / "below").mkdir(parents=True)
    (path / "below" / "file").write_text("x")
    return path


def files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_put_away_is_out_of_sight_and_deleted_by_purge(stage: Stage, tmp_path: Path) -> None:
    path = make(tmp_path, "one")
    stage.put_away(path)
    stage.put_away(path)
    assert not path.exists() and len(files(tmp_path)) == 1
    # The name is free again at once, and what comes second to the trash does not meet the first.
    stage.put_away(make(tmp_path, "one"))
    stage.purge("one")
    stage.purge("one")
    assert not files(tmp_path)


def test_purge_takes_nothing_else(stage: Stage, tmp_path: Path) -> None:
    for name in ("one", "one~two", "on"):
        stage.put_away(make(tmp_path, name))
    stage.purge("one")
    assert len(files(tmp_path)) == 2


def test_a_crash_before_the_purge_is_made_up_for(stage: Stage, tmp_path: Path) -> None:
    stage.put_away(make(tmp_path, "one"))
    Stage(tmp_path).open()
    assert not files(tmp_path)
