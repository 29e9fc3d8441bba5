"""Paths inside the container's root, while the host's is still ours.

The image chose every symlink there is. The kernel resolves each path as if the container's root were "/" (openat2(2),
RESOLVE_IN_ROOT), so none leads out, also none that a process in a shared volume changes meanwhile.
"""

import os
from typing import Final

from ck.kernel.linux.path import RESOLVE_IN_ROOT, openat2

_SYMLINKS_MAX: Final = 40  # as the kernel's own limit (path_resolution(7))


def open_inside(root: int, path: str, flags: int = os.O_PATH) -> int:
    """Open *path* below *root*. Raises: FileNotFoundError and other OSErrors."""
    return openat2(root, path, flags, resolve=RESOLVE_IN_ROOT)


def make_directory(root: int, path: str) -> int:
    """Open the directory *path* (O_PATH), made with those above it where missing. Raises: NotADirectoryError and
    others."""
    try:
        return open_inside(root, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        return _make(root, path, directory=True)


def make_file(root: int, path: str) -> int:
    """Open *path* (O_PATH), made as an empty file where nothing is there."""
    try:
        return open_inside(root, path)
    except FileNotFoundError:
        return _make(root, path, directory=False)


def _make(root: int, path: str, *, directory: bool) -> int:
    """Make what is missing of *path*, one component after the other, through symlinks that dangle too."""
    done = "/"
    left = [part for part in path.split("/") if part not in ("", ".")]
    symlinks = 0
    while left:
        name = left.pop(0)
        here = os.path.join(done, name)
        last = not left
        try:
            os.close(open_inside(root, here))
        except FileNotFoundError:
            if (target := _dangling(root, done, name)) is not None:
                symlinks += 1
                if symlinks > _SYMLINKS_MAX:
                    raise
                if target.startswith("/"):
                    done = "/"
                left = [part for part in target.split("/") if part not in ("", ".")] + left
                continue
            _create(root, done, name, directory=directory or not last)
        done = here
    return open_inside(root, done, os.O_PATH | os.O_DIRECTORY if directory else os.O_PATH)


def _dangling(root: int, parent: str, name: str) -> str | None:
    """Where *name* points if it is a symlink."""
    fd = open_inside(root, parent)
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError:
        return None
    finally:
        os.close(fd)


def _create(root: int, parent: str, name: str, *, directory: bool) -> None:
    fd = open_inside(root, parent, os.O_PATH | os.O_DIRECTORY)
    try:
        if directory:
            os.mkdir(name, 0o755, dir_fd=fd)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644, dir_fd=fd))
    except FileExistsError:
        # Another container with the same volume was faster; what it made is resolved inside the root like all else.
        return
    finally:
        os.close(fd)
