"""A disk that takes writes and loses them, and says so at the sync. What is asked for fails with a sentence, the engine
lives, and once the disk is well again so is everything."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.faults.conftest import DISK_BYTES, engine_on
from tests.support.daemon import Daemon
from tests.support.ext4 import make_ext4

BACKING_BYTES = 32 << 20


class FailingDisk:
    """An ext4 in a sparse file on a small tmpfs: where that is full, the loop device has no place for a block that ext4
    believes to have, and fails its write."""

    def __init__(self, daemon: Daemon, directory: Path) -> None:
        self._tmpfs, self._mount_point = directory / "backing", daemon.data_root / "data"
        self._ballast = self._tmpfs / "ballast"

    def mount(self) -> None:
        self._tmpfs.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={BACKING_BYTES}", "ck-test", self._tmpfs], check=True)
        options = ("-m", "0", "-N", "8192", "-O", "^has_journal", "-E", "nodiscard")
        make_ext4(self._tmpfs / "disk", DISK_BYTES, *options)
        self._mount_point.mkdir()
        subprocess.run(
            ["mount", "-o", "loop,errors=continue,nodiscard", self._tmpfs / "disk", self._mount_point], check=True
        )

    def unmount(self) -> None:
        for path in (self._mount_point, self._tmpfs):
            if path.is_mount():
                subprocess.run(["umount", path], check=True)

    def break_down(self) -> None:
        os.sync()
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 4096):
                try:
                    while True:
                        file.write(b"\1" * size)
                except OSError:
                    continue

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def failing(busybox_image: str, tmp_path: Path) -> Iterator[tuple[Lab, FailingDisk]]:
    with engine_on(FailingDisk, busybox_image, tmp_path) as both:
        yield both


def test_a_pull_fails_and_works_again(failing: tuple[Lab, FailingDisk]) -> None:
    lab, disk = failing
    disk.break_down()
    result = lab.daemon.ck("pull", "-q", lab.image, check=False)
    # The kernel hands the reason of the lowest layer up to whoever syncs.
    assert result.code == 1 and any(words in result.err for words in ("Input/output error", "No space left")), result
    assert len(result.err.strip().splitlines()) == 1, result.err
    assert lab.ck("images", "-q") == "" and lab.ck("ps", "-q") == ""
    disk.free()
    # The first sync after that may still tell of what was lost before (syncfs(2)).
    lab.daemon.ck("pull", "-q", lab.image, check=False)
    lab.ck("pull", "-q", lab.image)
    assert lab.out("", "echo works") == "works\n"
    assert lab.ck("doctor") == "Nothing is wrong.\n"
