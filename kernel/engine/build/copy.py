"""A layer of copied files, written as a tar while it is read; its digest says whether it is in the cache. Blocks.

What counts for the digest is what a container could see of the files but for their times: a `touch` rebuilds nothing.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO, Final

import attrs

from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.header import END
from ck.kernel.archive.layers import WHITEOUT_PREFIX
from ck.kernel.archive.pack import encode, pack_entry
from ck.kernel.dockerfile.chmod import Chmod
from ck.kernel.engine.build.place import Place, no_directory
from ck.kernel.engine.build.tree import Node
from ck.kernel.errors import InvalidArgument

_DIRECTORY_MODE: Final = 0o755
SECOND: Final = 1_000_000_000


@attrs.frozen(kw_only=True)
class Manner:
    """How files are copied. `owner` (uid, gid) None leaves them as they are, `chmod` too; `unpacked` is the owner of
    what comes out of archives, which keeps its mode. `made` is the time (ns) of the directories that the copy makes,
    `time` that of everything else where it is not to stay as it is."""

    owner: tuple[int, int] | None = None
    unpacked: tuple[int, int] | None = None
    chmod: Chmod | None = None
    made: int = 0
    time: int | None = None


class CopyDigest:
    """The digest of what is copied, whatever the times, and wherever it goes."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def header(self, path: bytes, entry: Entry, *, alone: bool) -> None:
        """Count the object that goes to *path*, or with *alone* maybe in its place."""
        self._hash.update(b"1" if alone else b"0")
        self._hash.update(encode(timeless(entry, path)))

    def directory(self) -> None:
        """Count that the content of a directory comes."""
        self._hash.update(b"d")

    def content(self, chunk: bytes | memoryview) -> None:
        self._hash.update(chunk)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def timeless(entry: Entry, path: bytes) -> Entry:
    """*entry* with no time, and with *path* for a name."""
    return replace(entry, name=path, mtime_ns=0)


class CopyWriter:
    """Writes what is copied to the *place* of an image to *sink*, and digests it; with None for a sink it only does
    that. *into* says that the place is to be a directory, also where a single file comes."""

    def __init__(self, place: Place, manner: Manner, sink: BinaryIO | None, *, into: bool) -> None:
        self._place, self._manner, self._sink = place, manner, sink
        self._into = into or place.directory
        self._made: set[bytes] = set()
        self._links: dict[tuple[int, int], bytes] = {}
        self.digest = CopyDigest()
        self.alone = b""  # the name of a file that came by itself
        self.over: list[tuple[bytes, bool]] = []  # what goes where something may be, and whether it is a directory

    @property
    def needs_name(self) -> bool:
        """Whether a file that comes by itself must have a name, since it goes into a directory. For a digest none
        must."""
        return self._into and self._sink is not None

    def nodes(self, nodes: Iterable[Node]) -> None:
        """Copy *nodes*. Raises: InvalidArgument for a name that no layer can hold, OSError."""
        for node in nodes:
            title = self._title(node.path, alone=node.alone)

            def amend(entry: Entry, path: bytes = node.path, alone: bool = node.alone, title: bytes = title) -> None:
                self._put_over(title, entry)
                self._count(path, entry, self._manner.owner, alone=alone)
                self._amend(entry)

            pieces = pack_entry(node.parent, node.name, title, self._links, amend=amend)
            header = next(pieces, b"")
            if not header:
                continue  # a socket, or something that has disappeared meanwhile
            self.alone = node.path if node.alone else self.alone
            self._write(header)
            for chunk in pieces:
                self.digest.content(chunk)
                self._write(chunk)

    def file(self, path: bytes, entry: Entry, content: Iterable[bytes | memoryview]) -> None:
        """Copy a file that comes by itself and is none of a tree: *entry*, whose name does not count, with its
        *content*. One that has no time is made now."""
        title = self._title(path, alone=True)
        self._put_over(title, entry)
        self._count(path, entry, self._manner.owner, alone=True)
        self._amend(entry)
        self._put(title, entry, content)

    def unpacked(self, path: bytes, entry: Entry, content: Iterable[bytes | memoryview]) -> None:
        """Copy *entry* of an archive to *path*."""
        title = self._title(path)
        if entry.kind is Kind.HARD_LINK:
            entry.link = self._title(entry.link)
        self._count(path, entry, None, alone=False)
        if self._manner.unpacked is not None:
            entry.uid, entry.gid = self._manner.unpacked
        if self._manner.time is not None:
            entry.mtime_ns = self._manner.time
        self._put(title, entry, content)

    def whole(self) -> None:
        """Several files come: the place is to be a directory."""
        self._into = True

    def directory(self) -> None:
        """Have the place itself be a directory, for what is in one."""
        self.digest.directory()
        self._make(self._place.path)

    def end(self) -> None:
        self._write(END)

    def _title(self, path: bytes, *, alone: bool = False) -> bytes:
        """Where the object *path* goes; the directories above it are made, if they are not there."""
        above, name = self._place.path, path
        if alone and not self._into:
            above, _, name = self._place.path.rpartition(b"/")
        title = above + b"/" + name if above else name
        _check(title)
        self._make(above)
        return title

    def _make(self, directory: bytes) -> None:
        if directory in self._made:
            return
        _check(directory)
        if self._place.file and directory == self._place.path:
            raise no_directory(directory)
        uid, gid = self._manner.owner or (0, 0)
        for path in self._place.missing(directory):
            if path not in self._made:
                self._made.add(path)
                made = Entry(path + b"/", Kind.DIRECTORY, _DIRECTORY_MODE, uid, gid, mtime_ns=self._manner.made)
                self._write(encode(made))
        self._made.add(directory)

    def _put(self, title: bytes, entry: Entry, content: Iterable[bytes | memoryview]) -> None:
        entry.name = title + b"/" if entry.kind is Kind.DIRECTORY else title
        entry.mtime_ns = entry.mtime_ns or self._manner.made
        self._write(encode(entry))
        for chunk in content:
            self.digest.content(chunk)
            self._write(chunk)
        if rest := -entry.stored % 512:
            self._write(bytes(rest))

    def _put_over(self, title: bytes, entry: Entry) -> None:
        below = title[len(self._place.path) :].lstrip(b"/")
        if below.partition(b"/")[0] in self._place.names:
            self.over.append((title, entry.kind is Kind.DIRECTORY))

    def _count(self, path: bytes, entry: Entry, owner: tuple[int, int] | None, *, alone: bool) -> None:
        """For the digest: as it was found, but that who owned it does not count where it is given to *owner*. Links are
        to what is copied too, so they count wherever that goes."""
        uid, gid = (entry.uid, entry.gid) if owner is None else (0, 0)
        link = entry.link
        if entry.kind is Kind.HARD_LINK and self._place.path:
            link = link.removeprefix(self._place.path + b"/")
        self.digest.header(path, replace(entry, uid=uid, gid=gid, link=link), alone=alone)

    def _amend(self, entry: Entry) -> None:
        manner = self._manner
        if manner.owner is not None:
            entry.uid, entry.gid = manner.owner
        if manner.chmod is not None and entry.kind is not Kind.SYMLINK:
            entry.mode = manner.chmod.apply(entry.mode, directory=entry.kind is Kind.DIRECTORY)
        if manner.time is not None:
            entry.mtime_ns = manner.time

    def _write(self, chunk: bytes | memoryview) -> None:
        if self._sink is not None:
            self._sink.write(chunk)


def _check(path: bytes) -> None:
    if b"/" + WHITEOUT_PREFIX in b"/" + path:
        raise InvalidArgument(f"{os.fsdecode(path)} cannot be in a layer, where .wh. names mean deletion")
