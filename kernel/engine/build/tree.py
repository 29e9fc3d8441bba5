"""The files that COPY and ADD take: of the context, of another stage, of an image. Everything blocks."""

import errno
import io
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from ck.kernel.archive.directories import DIRECTORY, HANDLE, Directories, names_in, open_in_root
from ck.kernel.archive.walk import Visit, walk
from ck.kernel.dockerfile.filepath_match import PathPattern, has_wildcard
from ck.kernel.dockerfile.ignore import PatternMatcher
from ck.kernel.errors import CorruptData, NotFound

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_PIVOT: Final = "/./"
NOTHING_IGNORED: Final = PatternMatcher(())


@dataclass(frozen=True, slots=True)
class Found:
    """What a source names: `path` is relative to the tree and free of links, `asked` is as it was asked for; of that
    --parents leaves the first `pivot` components out."""

    path: str
    asked: str
    directory: bool
    pivot: int = 0

    @property
    def title(self) -> str:
        """Where it goes with --parents."""
        return "/".join(self.asked.split("/")[self.pivot :])


@dataclass(frozen=True, slots=True)
class Node:
    """One object that is to be copied: `name` in the directory `parent` (an fd that is good until the iteration goes
    on). `path` is where it goes, relative to the destination, and `alone` says that the destination may be its name."""

    parent: int
    name: bytes
    path: bytes
    alone: bool = False


class Tree:
    """A directory that sources are looked up in, links resolved inside it. The fd *root* stays the caller's."""

    def __init__(self, root: int, ignored: PatternMatcher = NOTHING_IGNORED) -> None:
        self._root, self._ignored = root, ignored

    def find(self, source: str) -> Sequence[Found]:
        """What *source* (a path, or with wildcards a pattern) names, by name. A `/./` in it is the pivot. Raises:
        NotFound."""
        clean = _normal(source)
        above, pivot, _ = source.partition(_PIVOT)
        left_out = len(list(filter(None, _normal(above).split("/")))) if pivot else 0
        found = self._match("", clean.split("/")) if has_wildcard(source) else [clean]
        looked_at = [each for path in found if (each := self._look_at(path, left_out)) is not None]
        if not looked_at:
            raise NotFound(f'"{source}": not found')
        return looked_at

    def nodes(self, found: Found, excluded: PatternMatcher, *, parents: bool) -> Iterator[Node]:
        """What copying *found* copies: a file, or all that is in a directory, without what *excluded* matches (relative
        to the directory). With *parents* it goes under its whole path."""
        if parents:
            yield from self._above(found)
        if not found.directory:
            above, _, name = found.path.rpartition("/")
            title = found.title if parents else posixpath.basename(found.asked)
            if excluded.matches(posixpath.basename(title)):
                return
            parent = open_in_root(self._root, os.fsencode(above or "."), DIRECTORY)
            try:
                yield Node(parent, os.fsencode(name), os.fsencode(title), alone=not parents)
            finally:
                os.close(parent)
            return
        top = open_in_root(self._root, os.fsencode(found.path or "."), os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield from self._below(top, found.path, os.fsencode(found.title) if parents else b"", excluded)
        finally:
            os.close(top)

    @contextmanager
    def opened(self, found: Found) -> Iterator[BinaryIO]:
        """The file *found*, to be read; something that is no file reads as empty."""
        fd = open_in_root(self._root, os.fsencode(found.path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(fd, "rb") as file:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                yield file
            else:
                yield io.BytesIO()

    def _below(self, top: int, base: str, title: bytes, excluded: PatternMatcher) -> Iterator[Node]:
        def inside(visit: Visit) -> bool:
            path = os.fsdecode(visit.path)
            return self._ignored.may_include_below(posixpath.join(base, path)) and excluded.may_include_below(path)

        held_back: list[bytes] = []  # directories that are left out, unless something in them is not
        prefix = title + b"/" if title else b""
        for visit in walk(top, enter=inside):
            path = os.fsdecode(visit.path)
            if visit.leaving:
                continue
            left_out = self._ignored.matches(posixpath.join(base, path)) or excluded.matches(path)
            if not left_out:
                for directory in held_back:
                    if visit.path.startswith(directory + b"/"):
                        yield Node(top, directory, prefix + directory)
                held_back.clear()
                yield Node(visit.parent, visit.name, prefix + visit.path)
            elif stat.S_ISDIR(visit.status.st_mode):
                held_back.append(visit.path)

    def _above(self, found: Found) -> Iterator[Node]:
        """The directories that lead from the pivot to *found*, itself with them if it is one."""
        path = found.asked if found.directory else posixpath.dirname(found.asked)
        parts = path.split("/") if path else []
        for end in range(found.pivot + 1, len(parts) + 1):
            yield Node(self._root, os.fsencode("/".join(parts[:end])), os.fsencode("/".join(parts[found.pivot : end])))

    def _match(self, above: str, pattern: Sequence[str]) -> list[str]:
        """Paths below *above*; no wildcard matches a slash, so each part of a pattern is matched in its directory."""
        try:
            directory = open_in_root(self._root, os.fsencode(above or "."), os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise
        try:
            names = [os.fsdecode(name) for name in names_in(directory)]
        finally:
            os.close(directory)
        first, *rest = pattern
        matcher = PathPattern(first)
        paths = [posixpath.join(above, name) for name in names if matcher.matches(name)]
        return [deeper for path in paths for deeper in self._match(path, rest)] if rest else paths

    def _look_at(self, path: str, pivot: int) -> Found | None:
        """None where nothing is there, or it is ignored. A link on the way, or at the end, leads on inside the tree."""
        with Directories(self._root) as directories:
            try:
                real = os.fsdecode(b"/".join(directories.real(os.fsencode(path)))) if path else ""
            except CorruptData:  # links in a circle
                return None
        if real and self._ignored.matches(real) and not self._ignored.may_include_below(real):
            return None
        try:
            handle = open_in_root(self._root, os.fsencode(real or "."), HANDLE)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        try:
            directory = stat.S_ISDIR(os.fstat(handle).st_mode)
        finally:
            os.close(handle)
        if not directory and self._ignored.matches(real):
            return None
        return Found(real, path, directory, pivot)


def _normal(path: str) -> str:
    """*path* without a slash in front, and with no step up out of the tree."""
    return posixpath.normpath("/" + path).lstrip("/")
