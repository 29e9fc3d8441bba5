"""The files and directories of cgroupfs, of groups that may go at any moment."""

import errno
import os
import time
from collections.abc import Sequence
from typing import Final

NOT_THERE: Final = (FileNotFoundError, NotADirectoryError)
"""What tells of a group that is not there: above it there is none, or a file."""

_SETTLE_SECONDS: Final = 1.0
"""For how long a group that is reported empty may still be busy."""


def make(directory: str) -> bool:
    """Make a group; whether it was not there. Raises: NotADirectoryError where there is a file."""
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory) from None
        return False
    return True


def write(path: str, value: str) -> None:
    """Write *value* in one go, as the kernel wants it."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def read(path: str) -> str:
    """The file's text, "" where the group or the file is not there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except NOT_THERE:
        return ""
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
        return b"".join(chunks).decode()
    except OSError as exc:
        if exc.errno != errno.ENODEV:  # removed meanwhile
            raise
        return ""
    finally:
        os.close(fd)


def walk(directory: str) -> Sequence[str]:
    """*directory* and the groups below it, parents before children; nothing when it is gone."""
    try:
        with os.scandir(directory) as entries:
            children = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except NOT_THERE:
        return ()
    found = [directory]
    for child in children:
        found += walk(child)
    return found


def remove_tree(directory: str) -> None:
    """Remove an empty group with those below it; gone already is success."""
    for group in reversed(walk(directory)):
        _rmdir(group)


def _rmdir(group: str) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        try:
            os.rmdir(group)
        except FileNotFoundError:
            return
        except OSError as exc:
            # The kernel takes the last task out of the hierarchies one after another and reports the unified one's
            # event on the way (css_set_update_populated): a v1 group may be busy for a moment longer, and has no event.
            if exc.errno != errno.EBUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.001)
        else:
            return
