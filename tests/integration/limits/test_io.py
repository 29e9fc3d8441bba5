"""`--device-write-bps` and its kin: what goes to and from a disk keeps its rate, within ten in a hundred."""

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter, at_of, disk_of, moved_of

MIB = 1 << 20
RATE = 2 * MIB
# Direct, because v1 holds back nothing that is written later by somebody else.
WRITE = ("sh", "-c", "while :; do dd if=/dev/zero of=/f bs=64k count=256 oflag=direct 2>/dev/null; done")
READ = (
    "sh",
    "-c",
    "dd if=/dev/zero of=/f bs=1M count=16 conv=fsync 2>/dev/null;"
    "while :; do dd if=/f of=/dev/null bs=64k iflag=direct 2>/dev/null; done",
)


def rate_of(meter: Meter, name: str, operation: str, skip: int) -> float:
    """Bytes a second, once *skip* bytes were moved: the first of them may come at once."""
    first = meter.until(name, lambda stats: moved_of(stats, operation) > skip)
    goal = moved_of(first, operation) + 4 * RATE
    last = meter.until(name, lambda stats: moved_of(stats, operation) >= goal)
    return (moved_of(last, operation) - moved_of(first, operation)) / (at_of(last) - at_of(first)) * 1e9


def test_write_bps(lab: Lab, meter: Meter) -> None:
    name = lab.up(f"--device-write-bps {disk_of(lab.daemon.data_root)}:2mb", *WRITE)
    assert rate_of(meter, name, "write", MIB) == pytest.approx(RATE, rel=0.1)


def test_read_bps(lab: Lab, meter: Meter) -> None:
    name = lab.up(f"--device-read-bps {disk_of(lab.daemon.data_root)}:2mb", *READ)
    assert rate_of(meter, name, "read", MIB) == pytest.approx(RATE, rel=0.1)


@pytest.mark.parametrize(("operation", "program"), [("write", WRITE), ("read", READ)])
def test_iops(lab: Lab, meter: Meter, operation: str, program: tuple[str, ...]) -> None:
    # 64 KiB each: 32 of them in a second are 2 MiB.
    name = lab.up(f"--device-{operation}-iops {disk_of(lab.daemon.data_root)}:32", *program)
    assert rate_of(meter, name, operation, MIB) == pytest.approx(RATE, rel=0.1)


def test_what_waits_for_its_turn_at_a_disk_can_be_removed(lab: Lab, meter: Meter) -> None:
    """A process in the middle of a write does not even die before the write is done, which would take long here."""
    name = lab.up(f"--device-write-iops {disk_of(lab.daemon.data_root)}:1", *WRITE)
    meter.until(name, lambda stats: moved_of(stats, "write") > 0)
    lab.ck("rm", "-f", name)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--device-write-bps /dev/no-such:1mb", "no such device /dev/no-such"),
        ("--device-write-bps /dev/null:1mb", "it is not a block device"),
        ("--device-read-bps /dev/vda", "bad format: /dev/vda"),
        ("--device-read-iops /dev/vda:1mb", "it is a whole number"),
        ("--blkio-weight 5", "10 to 1000, not 5"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)
