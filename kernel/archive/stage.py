"""Directories that appear whole or not at all, and go away at once.

A new one is made in `tmp/` and renamed into place, an old one is renamed into `trash/` and deleted there: each rename
is atomic, so that a crash at any point leaves nothing half made where somebody looks for it (rename(2)). In the trash
it still goes by its name.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ck.kernel.archive.directories import DIRECTORY, names_in
from ck.kernel.archive.walk import empty_directory, remove_tree

_MARK: Final = "~"


class Stage:
    """The `tmp/` and `trash/` of a driver's directory. Every method blocks: call it from a worker thread."""

    def __init__(self, root: Path) -> None:
        self._new = root / "tmp"
        self._old = root / "trash"

    def open(self) -> None:
        """Make the two directories, and delete what a crash left in them."""
        for directory in (self._new, self._old):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with opened(directory) as fd:
                empty_directory(fd)

    def begin(self) -> Path:
        """A new empty directory to fill, mode 0700."""
        path = self._new / secrets.token_hex(8)
        path.mkdir(mode=0o700)
        return path

    def keep(self, made: Path, place: Path) -> bool:
        """Put what `begin` gave at *place*; False, with nothing kept, if something is there already."""
        try:
            made.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.discard(made)
            return False
        return True

    def discard(self, path: Path) -> None:
        """Take *path* away at once, then delete it with all that is in it; gone already is success."""
        self.put_away(path)
        self.purge(path.name)

    def put_away(self, path: Path) -> None:
        """Take *path* away; it takes up its space until `purge`. Gone already is success."""
        with contextlib.suppress(FileNotFoundError):
            path.rename(self._old / f"{path.name}{_MARK}{secrets.token_hex(8)}")

    def purge(self, name: str) -> None:
        """Delete what was put away under *name*, with all that is in it."""
        with opened(self._old) as trash:
            for found in names_in(trash):
                if found.rpartition(_MARK.encode())[0] == os.fsencode(name):
                    # Somebody else may be at it too.
                    with contextlib.suppress(FileNotFoundError):
                        remove_tree(trash, found)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """An fd of the directory *path*, not followed if it is a link."""
    fd = os.open(path, DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)
