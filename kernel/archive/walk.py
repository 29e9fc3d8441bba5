"""Walking and removing directory trees of any depth with a handful of fds, never following a link."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from ck.kernel.archive.directories import DIRECTORY, names_in
from ck.kernel.errors import Conflict

BLOCK: Final = 512  # bytes, what st_blocks counts (stat(2))


class Cursor:
    """A place in a tree that goes down by name and up by "..", so that depth costs no fds.

    Coming up it checks that the parent is the one it left: a process that moves directories about meanwhile could
    otherwise lead it out of the tree. Raises: Conflict then.
    """

    def __init__(self, root: int) -> None:
        """*root* stays the caller's."""
        self.fd = os.open(".", DIRECTORY, dir_fd=root)
        self._above: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def down(self, name: bytes) -> None:
        """Raises: OSError; the cursor has not moved then."""
        below = os.open(name, DIRECTORY, dir_fd=self.fd)
        status = os.fstat(self.fd)
        self._above.append((status.st_dev, status.st_ino))
        os.close(self.fd)
        self.fd = below

    def up(self) -> None:
        above = os.open("..", DIRECTORY, dir_fd=self.fd)
        status = os.fstat(above)
        if (status.st_dev, status.st_ino) != self._above.pop():
            os.close(above)
            raise Conflict("a directory was moved away while its tree was being read")
        os.close(self.fd)
        self.fd = above


@dataclass(slots=True)
class Visit:
    """One object of a tree, found in the directory `parent` (an fd that is good until the walk goes on).

    `path` is relative to the top. A directory is visited twice, the second time with `leaving` set, after its content.
    """

    parent: int
    name: bytes
    path: bytes
    status: os.stat_result
    leaving: bool = False


def walk(root: int, *, enter: Callable[[Visit], bool] | None = None) -> Iterator[Visit]:
    """All that is below the directory *root*, in the order of names; directories where *enter* says no stay closed.

    What disappears meanwhile is left out. Raises: Conflict, OSError.
    """
    with Cursor(root) as cursor:
        pending: list[Iterator[bytes]] = [iter(names_in(cursor.fd))]
        entered: list[Visit] = []
        while True:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                if not entered:
                    return
                cursor.up()
                left = entered.pop()
                yield Visit(cursor.fd, left.name, left.path, left.status, leaving=True)
                continue
            try:
                status = os.lstat(name, dir_fd=cursor.fd)
            except FileNotFoundError:
                continue
            path = entered[-1].path + b"/" + name if entered else name
            visit = Visit(cursor.fd, name, path, status)
            yield visit
            if stat.S_ISDIR(status.st_mode) and (enter is None or enter(visit)):
                try:
                    cursor.down(name)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                        raise
                    continue
                entered.append(visit)
                pending.append(iter(names_in(cursor.fd)))


def remove_tree(parent: int, name: bytes) -> None:
    """Remove *name* and all that is in it. Raises: OSError, Conflict; FileNotFoundError if there is no such thing."""
    try:
        os.unlink(name, dir_fd=parent)
        return
    except IsADirectoryError:
        pass  # unlink(2) tells what it is without a stat
    top = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        empty_directory(top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def empty_directory(directory: int) -> None:
    """Remove all that is in *directory*."""
    for visit in walk(directory):
        if not stat.S_ISDIR(visit.status.st_mode):
            os.unlink(visit.name, dir_fd=visit.parent)
        elif visit.leaving:
            os.rmdir(visit.name, dir_fd=visit.parent)


def tree_size(root: int) -> int:
    """Bytes of the regular files below *root*, those with several names counted once."""
    return sum(status.st_size for status in _objects(root) if stat.S_ISREG(status.st_mode))


def tree_space(root: int) -> int:
    """Bytes that *root* and all below take on the disk, as du(1) counts them."""
    return BLOCK * (os.fstat(root).st_blocks + sum(status.st_blocks for status in _objects(root)))


def _objects(root: int) -> Iterator[os.stat_result]:
    """Whatever is below *root*, each once, however many names it has."""
    seen: set[tuple[int, int]] = set()
    for visit in walk(root):
        status = visit.status
        if visit.leaving:
            continue
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        yield status
