"""Where COPY, ADD and WORKDIR put things: a path of the image to be, its links resolved. Everything blocks."""

import errno
import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from ck.kernel.archive.directories import Directories, names_in, open_in_root
from ck.kernel.errors import CkError, CorruptData, InvalidArgument


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is relative to the root and free of links. Of its components the first `known` are directories there;
    `directory` says that all of it is one, which has `names` in it, `file` that it is there and is none."""

    path: bytes
    known: int
    directory: bool
    file: bool = False
    names: frozenset[bytes] = frozenset()

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
    real, directory = b"/".join(parts), known == len(parts)
    names = _names(root, real) if directory else frozenset[bytes]()
    return Place(real, known, directory=directory, file=file, names=names)


def unknown(path: str) -> Place:
    """*path* (absolute) as on an empty root: for layers that are the same whatever they are put on."""
    clean = os.fsencode(posixpath.normpath(path).strip("/"))
    return Place(clean, 0, directory=not clean)


def check_kinds(root: int, copied: Iterable[tuple[bytes, bool]]) -> None:
    """Raises: InvalidArgument where something of *copied* (paths, and whether a directory goes there, the uppermost
    first) is a directory in the root *root* and is to be none, or the other way round."""
    absent: set[bytes] = set()
    for path, directory in copied:
        kind = None if path.rpartition(b"/")[0] in absent else _kind(root, path)
        if kind is None:
            if directory:
                absent.add(path)
        elif directory and not stat.S_ISDIR(kind):
            raise no_directory(path)
        elif stat.S_ISDIR(kind) and not directory:
            raise InvalidArgument(f"cannot replace the directory /{os.fsdecode(path)} with a file")


def _names(root: int, path: bytes) -> frozenset[bytes]:
    directory = open_in_root(root, path or b".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return frozenset(names_in(directory))
    finally:
        os.close(directory)


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
