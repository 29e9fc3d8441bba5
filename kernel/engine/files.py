"""Directories of the engine's own, made and deleted in a worker thread."""

import errno
import shutil
from pathlib import Path

import trio


async def make_directory(path: Path) -> None:
    """Make the directory and its parents, readable for root only."""
    await trio.to_thread.run_sync(lambda: path.mkdir(parents=True, exist_ok=True, mode=0o700))


async def delete_directory(path: Path) -> None:
    """Delete the directory and what is below it; one that is not there is success."""

    def delete() -> None:
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return

    await trio.to_thread.run_sync(delete)


def is_out_of_space(error: BaseException) -> bool:
    """Whether *error* comes of a full disk or a quota, by way of whatever was raised from what."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__
    return False
