"""Reading a machine's files, one symbolic link at a time."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, Final

import attrs

from ck.kernel.errors import CorruptData, NotFound

MAX_LINKS: Final = 40  # as many as Linux follows inside one another, path_resolution(7)


@attrs.frozen
class FileKey:
    """What changes when a file's content does: enough to trust what was computed from it before."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@attrs.frozen
class Resolved:
    """Where a path leads: the symbolic links on the way, each at its real place, then the real path and its st_mode."""

    links: tuple[str, ...]
    path: str
    mode: int


class Host:
    """The files below *root*, by the absolute paths they have for programs that run there.

    Links are followed here and not by the kernel: an image needs every link on the way, and absolute links of another
    root must stay below it. What was resolved is remembered, so a Host sees a machine as of the time it was made.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._resolved: dict[str, Resolved | None] = {}

    def resolve(self, path: str) -> Resolved:
        """Raises: NotFound when something on the way is missing, CorruptData when links go round in circles."""
        resolved = self._resolve(path, 0)
        if resolved is None:
            raise NotFound(f'no file "{path}" on this machine')
        return resolved

    def find(self, path: str) -> Resolved | None:
        """As `resolve`, but None for a path that leads nowhere."""
        return self._resolve(path, 0)

    def is_program(self, path: str) -> bool:
        """Whether *path* is a regular file that someone may execute."""
        found = self.find(path)
        return found is not None and stat.S_ISREG(found.mode) and bool(found.mode & 0o111)

    def is_file(self, path: str) -> bool:
        found = self.find(path)
        return found is not None and stat.S_ISREG(found.mode)

    def names(self, directory: str) -> list[str]:
        """Sorted names in *directory*; none where it is not there or no directory."""
        found = self.find(directory)
        if found is None or not stat.S_ISDIR(found.mode):
            return []
        return sorted(os.listdir(self._root + found.path))  # noqa: PTH208 -- a Path a name costs more than the listing

    def tree(self, directory: str, enter: Callable[[str], bool]) -> Iterator[str]:
        """Every path below *directory* that is no directory, sorted. Links are not followed; a directory for which
        *enter* (asked with a slash at the end) says no is left out."""
        for name in self.names(directory):
            path = f"{directory}/{name}"
            if not stat.S_ISDIR(self.lstat(path).st_mode):
                yield path
            elif enter(f"{path}/"):
                yield from self.tree(path, enter)

    def read(self, path: str) -> bytes | None:
        """The content of *path*, or None where it is no file."""
        found = self.find(path)
        if found is None or not stat.S_ISREG(found.mode):
            return None
        with self.open(found.path) as file:
            return file.read()

    def open(self, real: str) -> BinaryIO:
        """Open the file at the real path *real* for reading."""
        return open(self._root + real, "rb")  # noqa: PTH123 -- the caller closes it

    def lstat(self, real: str) -> os.stat_result:
        """As it is now, whatever is remembered."""
        return os.lstat(self._root + real)

    def readlink(self, real: str) -> str:
        return os.readlink(self._root + real)  # noqa: PTH115 -- pathlib would tidy up the target

    def key(self, real: str) -> FileKey:
        status = self.lstat(real)
        return FileKey(real, status.st_size, status.st_mtime_ns, status.st_ino)

    def _resolve(self, path: str, depth: int) -> Resolved | None:
        if depth > MAX_LINKS:
            raise CorruptData(f'too many levels of symbolic links in "{path}"')
        if path not in self._resolved:
            self._resolved[path] = self._step(path, depth)
        return self._resolved[path]

    def _step(self, path: str, depth: int) -> Resolved | None:
        above, _, name = path.rstrip("/").rpartition("/")
        if not name:
            return Resolved((), "/", stat.S_IFDIR)
        parent = self._resolve(above, depth)
        if parent is None or not stat.S_ISDIR(parent.mode):
            return None
        if name in (".", ""):
            return parent
        if name == "..":
            return Resolved(parent.links, str(PurePosixPath(parent.path).parent), stat.S_IFDIR)
        real = f"{parent.path.rstrip('/')}/{name}"
        try:
            mode = self.lstat(real).st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISLNK(mode):
            return Resolved(parent.links, real, mode)
        target = self.readlink(real)
        beyond = self._resolve(target if target.startswith("/") else f"{parent.path}/{target}", depth + 1)
        return beyond and Resolved((*parent.links, real, *beyond.links), beyond.path, beyond.mode)
