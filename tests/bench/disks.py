"""File systems for the engines to work on: one that is fresh, and one on which much was deleted before."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ext4 import make_ext4

DISKS = ("machine", "fresh", "aged")
BYTES = 24 << 30
"""Of the file that holds one; what nobody writes takes no space."""

AGEING_ROUNDS, AGEING_FILES, AGEING_DIRECTORIES = 4, 60_000, 300


@contextmanager
def disk(kind: str) -> Iterator[None]:
    """While the block runs, all temporary directories are on a disk of the *kind*: the machine's own, an ext4 that is
    fresh, or one on which 240,000 files were made and deleted, by quarters, and not in the order in which they came."""
    if kind == "machine":
        yield
        return
    # A short path: Podman takes none above 50 characters for its run root.
    with tempfile.TemporaryDirectory(prefix="ck-") as directory:
        file, mount_point = Path(directory, "file"), Path(directory, "d")
        make_ext4(file, BYTES, "-E", "lazy_itable_init=0")
        mount_point.mkdir()
        subprocess.run(["mount", "-o", "loop", file, mount_point], check=True)
        earlier = tempfile.tempdir
        try:
            if kind == "aged":
                _age(mount_point)
            tempfile.tempdir = str(mount_point)
            yield
        finally:
            tempfile.tempdir = earlier
            subprocess.run(["umount", mount_point], check=True)


def _age(top: Path) -> None:
    for number in range(AGEING_ROUNDS):
        for file in range(AGEING_FILES):
            directory = top / f"r{number}" / f"d{file % AGEING_DIRECTORIES}"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"f{file}").write_bytes(b"x" * (file % 97 * 211))
        if number:  # every second one of the round before, and all of it after the next
            for path in (top / f"r{number - 1}").glob("*/*[02468]"):
                path.unlink()
    for number in range(AGEING_ROUNDS):
        shutil.rmtree(top / f"r{number}")
    subprocess.run(["sync", "--file-system", top], check=True)
