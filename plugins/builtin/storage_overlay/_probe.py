"""Whether overlayfs works on a directory's file system: tried out, because no list of file systems stays right."""

import os
from pathlib import Path

from ck.kernel.archive.merged import is_whiteout
from ck.kernel.archive.overlay import mount_options
from ck.kernel.errors import Unsupported
from ck.kernel.linux.mount import mount
from ck.kernel.linux.mountinfo import file_system_of
from ck.kernel.linux.private_mounts import in_private_mounts


def probe(scratch: Path) -> None:
    """Mount an overlay below the empty directory *scratch*, out of everybody's sight. Blocks.

    Raises: Unsupported, with the reason.
    """
    for name in ("lower", "upper", "work", "merged"):
        (scratch / name).mkdir()
    (scratch / "lower" / "file").touch()
    try:
        in_private_mounts(lambda: _try(scratch))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = f"{scratch.parent.parent} ({file_system_of(scratch)})"
        raise Unsupported(f"overlayfs does not work on {where}: {reason}") from error


def _try(scratch: Path) -> None:
    os.chdir(scratch)
    # Volatile, because unmounting anything else flushes the whole file system below it.
    mount("overlay", "merged", "overlay", data=",".join(mount_options(("lower",), "upper", "work", volatile=True)))
    Path("merged/file").unlink()
    # Without file types in its listings (XFS with ftype=0) a file system shows the whiteouts it should hide.
    if os.listdir("merged") or not is_whiteout(Path("upper/file").lstat()):  # noqa: PTH208 wants no objects
        raise OSError("a deleted file is still listed")
