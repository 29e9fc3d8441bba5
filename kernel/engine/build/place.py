"""Where COPY, ADD and WORKDIR put things: a path of the image to be, its links resolved. Everything blocks."""

import errno
import os
import stat
from dataclasses import dataclass

from ck.kernel.archive.directories import Directories, open_in_root
from ck.kernel.errors import CkError, CorruptData, InvalidArgument


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is relative to the root and free of links. Of its components the first `known` are directories there;
    `directory` says that all of it is one, `file` that it is there and is none."""

    path: bytes
    known: int
    directory: bool
    file: bool = False

    def missing(self, upto: bytes) -> list[bytes]:
        """The directories that must be made for *upto*, which is `path` or a directory above it, uppermost first."""
        parts = upto.split(b"/") if upto else []
        return [b"/".join(parts[: count + 1]) for count in range(self.known, len(parts))]


NOWHERE = Place(b"", 0, directory=True)


def locate(root: int, path: str) -> Place:
    """Where *path* (absolute) is in the root *root*. Raises: InvalidArgument where something on the way is no
    directory."""
    with Directories(root) as directories:
        try:
            parts = directories.real(os.fsencode(path.strip("/")))
        except CorruptData as error:
            raise InvalidArgument(str(error)) from error
    known, file = 0, False
    while known < len(parts):
        kind = _kind(root, b"/".join(parts[: known + 1]))
        if kind is None:
            break
        if not stat.S_ISDIR(kind):
            if known + 1 < len(parts):
                raise no_directory(b"/".join(parts[: known + 1]))
            file = True
            break
        known += 1
    return Place(b"/".join(parts), known, directory=known == len(parts), file=file)


def _kind(root: int, path: bytes) -> int | None:
    try:
        handle = open_in_root(root, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    try:
        return os.fstat(handle).st_mode
    finally:
        os.close(handle)


def no_directory(path: bytes) -> CkError:
    return InvalidArgument(f"cannot copy to non-directory: /{os.fsdecode(path)}")
