"""Whether the kernel mounts images from a directory's file system, and overlays them: tried out, because no list of
kernels and file systems stays right."""

import io
import os
from pathlib import Path

from ck.kernel.archive.entry import Entry
from ck.kernel.archive.header import END, padding
from ck.kernel.archive.merged import is_whiteout
from ck.kernel.archive.overlay import mount_options
from ck.kernel.archive.pack import encode
from ck.kernel.errors import Unsupported
from ck.kernel.linux.mount import mount
from ck.kernel.linux.mountinfo import file_system_of
from ck.kernel.linux.private_mounts import in_private_mounts
from ck.plugins.builtin.storage_erofs._mounts import mount_file
from ck.plugins.builtin.storage_erofs._store import complete, receive

CONTENT = b"as archived"


def probe(scratch: Path) -> None:
    """Mount an image and an overlay on it below the empty directory *scratch*, out of everybody's sight. Blocks.

    Raises: Unsupported, with the reason.
    """
    for name in ("lower", "upper", "work", "merged"):
        (scratch / name).mkdir()
    archive = b"".join(
        encode(Entry(name, size=len(CONTENT), stored=len(CONTENT))) + CONTENT + bytes(padding(len(CONTENT)))
        for name in (b"kept", b"gone")
    )
    received = receive(io.BytesIO(archive + END), scratch / "image")
    stored = complete(scratch / "image", received, uuid=bytes(16), below=tuple)
    try:
        in_private_mounts(lambda: _try(scratch, stored.length))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = f"{scratch.parent.parent} ({file_system_of(scratch)})"
        raise Unsupported(f"images of layers cannot be mounted from {where}: {reason}") from error


def _try(scratch: Path, length: int) -> None:
    os.chdir(scratch)
    mount_file(scratch / "image", length, scratch / "lower")
    # Volatile, because unmounting anything else flushes the whole file system below it.
    mount("overlay", "merged", "overlay", data=",".join(mount_options(("lower",), "upper", "work", volatile=True)))
    if Path("merged/kept").read_bytes() != CONTENT:
        raise OSError("a file does not have its content")
    Path("merged/gone").unlink()
    Path("merged/kept").write_bytes(b"written")
    if os.listdir("merged") != ["kept"] or not is_whiteout(Path("upper/gone").lstat()):  # noqa: PTH208 wants no objects
        raise OSError("a deleted file is still listed")
