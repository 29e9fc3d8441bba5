"""Layer archives and what they should look like, for checks of storage: tars are written by Python's own tarfile."""

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from ck.kernel.archive.directories import HANDLE
from ck.kernel.archive.nodes import handle_path, read_xattrs
from ck.kernel.archive.walk import walk

SECOND: Final = 1_000_000_000
EPOCH: Final = 1_700_000_000 * SECOND


@attrs.frozen(kw_only=True)
class Item:
    """One entry of a layer. `type` is a type flag of tarfile."""

    name: str
    type: bytes = tarfile.REGTYPE
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = EPOCH
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = attrs.field(factory=dict)
    pax: Mapping[str, str] = attrs.field(factory=dict)


def directory(name: str, **more: Any) -> Item:
    return attrs.evolve(Item(name=name, type=tarfile.DIRTYPE, mode=0o755), **more)


def symlink(name: str, target: str) -> Item:
    return Item(name=name, type=tarfile.SYMTYPE, mode=0o777, link=target)


def hard_link(name: str, target: str) -> Item:
    return Item(name=name, type=tarfile.LNKTYPE, link=target)


def sparse(name: str, size: int, segments: Mapping[int, bytes]) -> Item:
    """A file of *size* bytes with *segments* (offset to content) and holes (GNU's sparse format 0.1 in pax headers)."""
    numbers = ",".join(f"{offset},{len(content)}" for offset, content in segments.items())
    pax = {"GNU.sparse.size": str(size), "GNU.sparse.numblocks": str(len(segments)), "GNU.sparse.map": numbers}
    return Item(name=name, content=b"".join(segments.values()), pax=pax)


def tar_of(items: Iterable[Item]) -> bytes:
    """The archive of *items* in their order, in pax format."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for item in items:
            info = tarfile.TarInfo(item.name)
            info.type, info.mode, info.uid, info.gid = item.type, item.mode, item.uid, item.gid
            info.linkname = item.link
            info.devmajor, info.devminor = item.device
            info.size = len(item.content)
            mtime = {"mtime": f"{item.mtime_ns // SECOND}.{item.mtime_ns % SECOND:09}"}
            info.pax_headers = (
                mtime
                | dict(item.pax)
                | {
                    f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")
                    for name, value in item.xattrs.items()
                }
            )
            archive.addfile(info, io.BytesIO(item.content))
    return buffer.getvalue()


@attrs.frozen(kw_only=True)
class Seen:
    """What a tree has at one path. `links` is the first path, in order, of the same file; `mtime_ns` is 0 for a
    directory whose time the engine does not promise."""

    kind: int
    mode: int
    uid: int
    gid: int
    content: bytes
    links: str
    device: int
    mtime_ns: int
    xattrs: Mapping[bytes, bytes]


def snapshot(root: int) -> dict[str, Seen]:
    """All of a tree, by path. Directory times are left out."""
    first: dict[tuple[int, int], str] = {}
    seen = {}
    for visit in walk(root):
        if visit.leaving:
            continue
        path, status = os.fsdecode(visit.path), visit.status
        handle = os.open(visit.name, HANDLE, dir_fd=visit.parent)
        try:
            content = b""
            if stat.S_ISREG(status.st_mode):
                with open(handle_path(handle), "rb") as file:  # noqa: PTH123 the path is a handle
                    content = file.read()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(b"", dir_fd=handle)
            seen[path] = Seen(
                kind=stat.S_IFMT(status.st_mode),
                mode=stat.S_IMODE(status.st_mode),
                uid=status.st_uid,
                gid=status.st_gid,
                content=content,
                links=path if stat.S_ISDIR(status.st_mode) else first.setdefault((status.st_dev, status.st_ino), path),
                device=status.st_rdev if status.st_mode & stat.S_IFCHR else 0,
                mtime_ns=0 if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns,
                xattrs=read_xattrs(handle_path(handle)),
            )
        finally:
            os.close(handle)
    return seen
