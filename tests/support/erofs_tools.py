"""What erofs-utils say of our images, where they are installed."""

import shutil
import subprocess
import tempfile
from pathlib import Path

COMPATIBLE_AT = 1024 + 8  # the feature word of the superblock; its lowest bit says that there is a checksum


def complaints(image: Path) -> str | None:
    """What fsck.erofs finds wrong, "" for nothing; None where there is none, or one older than 1.6, which knows no
    blocks but of a page.

    It is shown a copy without the checksum, which the kernel looks at with each mount: up to 1.8.6 it takes blocks for
    larger than 1 KiB there, and crashes.
    """
    if (program := shutil.which("fsck.erofs")) is None:
        return None
    with tempfile.NamedTemporaryFile(prefix="ck-fsck-") as copy:
        content = bytearray(image.read_bytes())
        content[COMPATIBLE_AT] &= ~1
        copy.write(content)
        copy.flush()
        done = subprocess.run([program, copy.name], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if "blksize 512 isn't supported" in told:
        return None
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {told}"
