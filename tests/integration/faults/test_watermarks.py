"""A disk that fills up: unused images make way, those used longest ago first, and nothing else does."""

import io
import json
import os
import tarfile

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.faults.conftest import Disk
from tests.support.daemon import NO_NETWORK, Daemon

SIZE = 4 << 20  # of an image's one file; where layers are extracted, an image takes twice that


def used(disk: Disk) -> int:
    status = os.statvfs(disk.mount_point)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def imported(lab: Lab, name: str) -> str:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("content")
        info.size = SIZE
        tar.addfile(info, io.BytesIO(os.urandom(SIZE)))
    return lab.ck("import", "-c", "CMD true", "-", name, stdin=out.getvalue()).strip()


def used_at_rest(lab: Lab, disk: Disk) -> int:
    """Stops the engine: its store's log is gone then, which may be as large as an image."""
    lab.daemon.stop()
    return used(disk)


def configure(lab: Lab, high: int, low: int) -> None:
    """A new engine with the marks, in bytes."""
    lab.daemon.stop()
    table = f'[images]\nhigh_watermark = "{high}"\nlow_watermark = "{low}"\nmin_age = 0.0\n'
    lab.daemon.config.write_text(NO_NETWORK + table)
    lab.daemon.start()


def removed(lab: Lab, count: int) -> list[str]:
    """The names of the next *count* images that make way, in their order, since the beginning."""
    names: list[str] = []
    with lab.popen("events", "--since", "1h", "-f", "event=delete", "--format", "{{json .}}") as events:
        assert events.stdout is not None
        while len(names) < count:
            event = json.loads(events.stdout.readline())
            assert event["ck"]["cause"] == "watermark"
            names.append(event["Actor"]["ID"])
        events.terminate()
    return names


def test_images_make_way_in_the_order_of_their_use(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    configure(lab, 1 << 40, 0)
    one, two, three = (imported(lab, f"ck-{name}") for name in ("one", "two", "three"))
    lab.ck("create", "--name", "ck-disk-user", two)
    before = used_at_rest(lab, disk)
    # Room for half an image more, and then as much is to go as two have.
    configure(lab, before + SIZE, before - SIZE)
    assert sorted(lab.ck("images", "-q", "--no-trunc").split()) == sorted([one, two, three])
    lab.ck("rm", lab.ck("create", one).strip())  # now it was used after the third
    four = imported(lab, "ck-four")
    assert removed(lab, 2) == [three, one]
    # The one with a container stays though it was used before, and what came last though nothing uses it.
    assert sorted(lab.ck("images", "-q", "--no-trunc").split()) == sorted([two, four])
    assert used(disk) <= before - SIZE + (256 << 10)  # the engine's own store has grown
    log = lab.daemon.log.read_text()
    assert f"image {three[7:19]} (docker.io/library/ck-three:latest) has made way" in log


def test_at_the_start_and_when_nothing_can_go(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    configure(lab, 1 << 40, 0)
    one, two = imported(lab, "ck-one"), imported(lab, "ck-two")
    configure(lab, used_at_rest(lab, disk) - SIZE // 2, 0)
    assert removed(lab, 1) == [one]
    assert lab.ck("images", "-q", "--no-trunc").split() == [two]
    # Still far too full, but the last image stays; which the log tells, and nothing else happens.
    three = imported(lab, "ck-three")
    assert removed(lab, 2) == [one, two]
    assert lab.ck("images", "-q", "--no-trunc").split() == [three]
    assert "no image that could make way" in lab.daemon.log.read_text()
    assert lab.ck("doctor") == "Nothing is wrong.\n"


def test_what_was_used_lately_is_safe(small: tuple[Lab, Disk]) -> None:
    lab, disk = small
    configure(lab, 1 << 40, 0)
    made = [imported(lab, f"ck-{number}") for number in range(3)]
    lab.daemon.stop()
    table = '[images]\nhigh_watermark = "1"\nlow_watermark = "0"\n'
    lab.daemon.config.write_text(NO_NETWORK + table)
    lab.daemon.start()
    made.append(imported(lab, "ck-new"))
    # The engine has looked once it has said so; it is asked again until then.
    while "no image that could make way" not in lab.daemon.log.read_text():
        lab.ck("version")
    assert sorted(lab.ck("images", "-q", "--no-trunc").split()) == sorted(made)
    assert used(disk) > SIZE


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('high_watermark = "85%"', "set both, or neither"),
        ('high_watermark = "lots"\nlow_watermark = "1"', "'lots': it must be a percentage or a size"),
        ("high_watermark = 85", "high_watermark"),
    ],
)
def test_marks_that_cannot_be(table: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match="did not start") as caught, Daemon(config=f"[images]\n{table}\n"):
        raise AssertionError("it serves")
    assert sentence in str(caught.value)
