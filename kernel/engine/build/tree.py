"""The files that COPY and ADD take: of the context, of another stage, of an image. Everything blocks."""

import errno
import io
import os
import posixpath
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
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
    """What a source names: `path` is relative to the tree and free of links, `asked` is as it was asked for. Of a
    directory what `left_out` matches, relative to it, is not meant."""

    path: str
    asked: str
    directory: bool
    left_out: PatternMatcher = NOTHING_IGNORED


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

    def find(self, source: str, *, parents: bool = False) -> Sequence[Found]:
        """What *source* (a path, or with wildcards a pattern, which may match nothing) names, by name. With *parents*
        it is the directory that paths are kept below, the one before a `/./`, and what of it is meant.

        Raises: NotFound for a path, DockerfileError for a malformed pattern.
        """
        if parents:
            above, pivot, below = source.partition(_PIVOT)
            found = self._below_pivot(above, below) if pivot else self._below_pivot("", source)
        else:
            found = self._named(_normal(source))
        if not found and not has_wildcard(source):
            raise NotFound(f'"{source}": not found')
        return found

    def nodes(self, found: Found, excluded: PatternMatcher) -> Generator[Node]:
        """What copying *found* copies: a file, or all that is in a directory, without what *excluded* matches (relative
        to the directory)."""
        if not found.directory:
            above, _, name = found.path.rpartition("/")
            title = posixpath.basename(found.asked)
            if excluded.matches(title):
                return
            parent = open_in_root(self._root, os.fsencode(above or "."), DIRECTORY)
            try:
                yield Node(parent, os.fsencode(name), os.fsencode(title), alone=True)
            finally:
                os.close(parent)
            return
        top = open_in_root(self._root, os.fsencode(found.path or "."), os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield from self._below(top, found.path, (found.left_out, excluded))
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

    def _named(self, path: str) -> Sequence[Found]:
        names = self._match("", path.split("/")) if has_wildcard(path) else [path]
        return [found for name in names if (found := self._look_at(name)) is not None]

    def _below_pivot(self, above: str, pattern: str) -> Sequence[Found]:
        """The directories *above* in which something matches *pattern*, or is in what does; that is one of a
        .dockerignore, and no link is followed."""
        included = _normal(pattern)
        left_out = PatternMatcher(("**", f"!{included}")) if included else NOTHING_IGNORED
        found = [replace(each, left_out=left_out) for each in self._named(_normal(above)) if each.directory]
        return [each for each in found if not included or self._has_nodes(each)]

    def _has_nodes(self, found: Found) -> bool:
        with closing(self.nodes(found, NOTHING_IGNORED)) as nodes:
            return next(nodes, None) is not None

    def _below(self, top: int, base: str, exceptions: Sequence[PatternMatcher]) -> Iterator[Node]:
        """All in the directory *top*, whose path is *base*, without what one of *exceptions* matches."""

        def inside(visit: Visit) -> bool:
            path = os.fsdecode(visit.path)
            return self._ignored.may_include_below(posixpath.join(base, path)) and all(
                each.may_include_below(path) for each in exceptions
            )

        held_back: list[bytes] = []  # directories that are left out, unless something in them is not
        for visit in walk(top, enter=inside):
            path = os.fsdecode(visit.path)
            if visit.leaving:
                continue
            left_out = self._ignored.matches(posixpath.join(base, path)) or any(
                each.matches(path) for each in exceptions
            )
            if not left_out:
                for directory in held_back:
                    if visit.path.startswith(directory + b"/"):
                        yield Node(top, directory, directory)
                held_back.clear()
                yield Node(visit.parent, visit.name, visit.path)
            elif stat.S_ISDIR(visit.status.st_mode):
                held_back.append(visit.path)

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

    def _look_at(self, path: str) -> Found | None:
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
        return Found(real, path, directory)


def _normal(path: str) -> str:
    """*path* without a slash in front, and with no step up out of the tree."""
    return posixpath.normpath("/" + path).lstrip("/")
