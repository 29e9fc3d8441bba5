"""What a storage driver has mounted below a directory, and its end where no driver will see to that any more."""

from pathlib import Path

from ck.kernel.linux.mount import MNT_DETACH, umount


def mounts_below(directory: Path) -> list[str]:
    """The places, in the order in which they were mounted."""
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [place for place in places if Path(place).is_relative_to(directory)]


def unmount_below(directory: Path) -> None:
    """For the end of a test, also of one that failed or has killed its engine."""
    for place in reversed(mounts_below(directory)):
        umount(place, MNT_DETACH)
