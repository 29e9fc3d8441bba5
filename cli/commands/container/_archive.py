"""Tar archives for `cp`, made and unpacked while they are on their way."""

from __future__ import annotations

import io
import os
import posixpath
import sys

from ck.cli.commands.container._copy import renamed
from ck.cli.errors import CliError

TYPE_CHECKING = False
# The extraction filters came with 3.11.4, and Debian 12 has 3.11.2; the backport has the same interface.
if TYPE_CHECKING or sys.version_info >= (3, 12):
    import tarfile
    from collections.abc import Callable, Iterable, Iterator
else:
    from backports import tarfile

READ_BYTES = 1024 * 1024


def pack(path: str, top: str, *, owners: bool) -> Iterator[bytes]:
    """A tar of *path*, which is called *top* in it; *owners* False makes root the owner of all. Raises: OSError."""
    # Only for gettarinfo, which knows hard links by their inodes.
    with tarfile.TarFile(fileobj=io.BytesIO(), mode="w", format=tarfile.PAX_FORMAT) as index:
        for file, name in _walk(path, top):
            info = index.gettarinfo(file, name)
            if info is None:
                continue  # a socket: tar has no such thing
            if not owners:
                info.uid = info.gid = 0
                info.uname = info.gname = ""
            yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            if info.isreg():
                yield from _content(file, info.size)
    yield tarfile.NUL * (2 * tarfile.BLOCKSIZE)


def _walk(path: str, name: str) -> Iterator[tuple[str, str]]:
    yield path, name
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in sorted(os.listdir(path)):
            yield from _walk(os.path.join(path, entry), posixpath.join(name, entry))


def _content(path: str, size: int) -> Iterator[bytes]:
    left = size
    with open(path, "rb") as file:
        while left:
            piece = file.read(min(READ_BYTES, left))
            if not piece:
                raise CliError(f"{path} became shorter while it was read")
            left -= len(piece)
            yield piece
    if size % tarfile.BLOCKSIZE:
        yield tarfile.NUL * (tarfile.BLOCKSIZE - size % tarfile.BLOCKSIZE)


def unpack(stream: Iterable[bytes], directory: str, top: str | None, *, owners: bool) -> int:
    """Unpack into *directory*, the top entry renamed to *top* (as in `plan`); return the bytes of content.

    Nothing is written outside of *directory*, whatever links the archive holds: it comes from a container. *owners*
    False makes us the owner of all. Raises: CliError, OSError.
    """
    old = ""

    def title(name: str) -> str:
        nonlocal old
        old = old or posixpath.normpath(name).lstrip("/").partition("/")[0]
        return renamed(name, old, top)

    return _extract(stream, directory, title, owners=owners)


def unpack_all(stream: Iterable[bytes], directory: str, *, owners: bool) -> int:
    """As `unpack`, with every name as it is."""
    return _extract(stream, directory, lambda name: name, owners=owners)


def _extract(stream: Iterable[bytes], directory: str, title: Callable[[str], str], *, owners: bool) -> int:
    total = 0

    def place(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo:
        changes: dict[str, object] = {"name": title(member.name)}
        if member.islnk():
            changes["linkname"] = title(member.linkname)
        if not owners:
            changes |= {"uid": os.getuid(), "gid": os.getgid(), "uname": "", "gname": ""}
        moved = member.replace(**changes, deep=False)  # type: ignore[arg-type]
        # The filters refuse names that lead outside, also by way of links; data_filter checks a hard link's target as
        # well. Both tighten modes, which we want as they are.
        checked = (tarfile.data_filter if member.islnk() else tarfile.tar_filter)(moved, destination)
        return checked.replace(mode=member.mode, deep=False)

    try:
        with tarfile.open(fileobj=_Reader(stream), mode="r|", errorlevel=1) as archive:
            for member in archive:
                archive.extract(member, directory, numeric_owner=True, filter=place)
                total += member.size
    except tarfile.TarError as error:
        raise CliError(f"cannot unpack into {directory}: {error}") from None
    except KeyError as error:
        # A hard link to a file that is not in the archive.
        raise CliError(f"cannot unpack into {directory}: {error.args[0]}") from None
    return total


class _Reader(io.RawIOBase):
    """The file that tarfile reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        if size < 0:
            size = len(self._rest)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
