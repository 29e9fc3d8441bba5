"""A file system of a test's or benchmark's own, in a file."""

import subprocess
from pathlib import Path


def make_ext4(file: Path, size: int, *options: str) -> None:
    """Make *file*, sparse and *size* bytes long, an ext4; *options* are those of mkfs.ext4."""
    with file.open("wb") as new:
        new.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", *options, file], check=True)
