"""An engine whose disk is small, and can be filled."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.integration.engine.lab import Lab
from tests.support.daemon import Daemon
from tests.support.ext4 import make_ext4

DISK_BYTES = 96 << 20


class Disk:
    """An ext4 in a file, mounted where an engine keeps its data."""

    def __init__(self, daemon: Daemon, directory: Path) -> None:
        self._file, self.mount_point = directory / "disk", daemon.data_root / "data"
        self._ballast = self.mount_point / "ballast"

    def mount(self) -> None:
        make_ext4(self._file, DISK_BYTES, "-m", "0", "-N", "8192")
        self.mount_point.mkdir()
        subprocess.run(["mount", "-o", "loop", self._file, self.mount_point], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.mount_point], check=True)

    def fill(self, leave: int = 0) -> None:
        """Until no more than *leave* bytes are free."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while os.statvfs(self.mount_point).f_bavail * 4096 > leave:
                        file.write(b"\0" * size)
                except OSError:
                    continue
            os.fsync(file.fileno())

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


class Mountable(Protocol):
    """A disk that can be made to fail, and well again."""

    def mount(self) -> None: ...

    def unmount(self) -> None: ...

    def free(self) -> None: ...


D = TypeVar("D", bound=Mountable)


@contextmanager
def engine_on(make: Callable[[Daemon, Path], D], image: str, directory: Path) -> Iterator[tuple[Lab, D]]:
    """An engine of its own on a disk of its own, with no image yet."""
    daemon = Daemon()
    disk = make(daemon, directory)
    disk.mount()
    try:
        with daemon:
            try:
                yield Lab(daemon, image, "ck-disk"), disk
            finally:
                disk.free()
    finally:
        disk.unmount()
        shutil.rmtree(daemon.data_root)  # the engine could not, with a disk mounted in it


@pytest.fixture
def small(busybox_image: str, tmp_path: Path) -> Iterator[tuple[Lab, Disk]]:
    with engine_on(Disk, busybox_image, tmp_path) as both:
        yield both
