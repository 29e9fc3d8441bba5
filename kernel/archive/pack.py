"""Packing a directory tree, or one object of it, as a tar stream with pax headers."""

import os
import stat
from collections.abc import Callable, Iterator
from typing import Final

from ck.kernel.archive.directories import HANDLE
from ck.kernel.archive.entry import XATTR_PREFIX, Entry, Kind
from ck.kernel.archive.header import END, build_header, fits, padding
from ck.kernel.archive.nodes import handle_path, read_xattrs
from ck.kernel.archive.owners import HOST, Owners
from ck.kernel.archive.pax import build_records, build_time
from ck.kernel.archive.walk import walk

CHUNK: Final = 1 << 20
_KINDS: Final = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFIFO: Kind.FIFO,
}


def pack(root: int, top: bytes = b"", owners: Owners = HOST) -> Iterator[bytes]:
    """The tar stream of all that is in the directory *root*, sorted by name, in chunks of at most 1 MiB and a block.

    *top* goes before each name: "" for an archive of the content (`export`), else the first entry is *top* itself, as
    a directory with the attributes of *root* (`cp`); "/" and "." do as well. Sockets are left out, as nothing can make
    one. *owners* says whose files are. What disappears meanwhile is left out, what shrinks is filled up with zeros.
    Raises: Conflict, OSError.
    """
    links: dict[tuple[int, int], bytes] = {}
    prefix = top if not top or top.endswith(b"/") else top + b"/"
    if top:
        yield from pack_entry(root, b".", prefix, links, owners)
    for visit in walk(root):
        if not visit.leaving:
            yield from pack_entry(visit.parent, visit.name, prefix + visit.path, links, owners)
    yield END


def pack_object(parent: int, name: bytes, title: bytes, owners: Owners = HOST) -> Iterator[bytes]:
    """The tar stream of the one object *name* in the directory *parent*, named *title*; a link is not followed."""
    yield from pack_entry(parent, name, title, {}, owners)
    yield END


def encode(entry: Entry) -> bytes:
    """The header of *entry*, preceded by a pax header for what does not fit into it."""
    records = []
    if len(entry.name) > 100 or not entry.name.isascii():
        records.append((b"path", entry.name))
    if len(entry.link) > 100 or not entry.link.isascii():
        records.append((b"linkpath", entry.link))
    for key, value, width in ((b"size", entry.stored, 12), (b"uid", entry.uid, 8), (b"gid", entry.gid, 8)):
        if not fits(value, width):
            records.append((key, b"%d" % value))
    if entry.mtime_ns % 1_000_000_000 or not fits(entry.mtime_ns // 1_000_000_000, 12):
        records.append((b"mtime", build_time(entry.mtime_ns)))
    records += [(XATTR_PREFIX + name, value) for name, value in sorted((entry.xattrs or {}).items())]
    header = build_header(entry.kind.value, entry)
    if not records:
        return header
    body = build_records(records)
    title = Entry(b"PaxHeaders/" + entry.name[:80], stored=len(body))
    return build_header(b"x", title) + body + bytes(padding(len(body))) + header


def pack_entry(
    parent: int,
    name: bytes,
    title: bytes,
    links: dict[tuple[int, int], bytes],
    owners: Owners = HOST,
    amend: Callable[[Entry], None] | None = None,
) -> Iterator[bytes]:
    """What one object is in a tar stream: first all of its header, then its content. *links* are the titles of the
    files with several names that went before. *amend* may change what the header says, but for kind and size."""
    # Everything goes through one handle: what is looked at is what is read, and a device swapped in is never opened.
    try:
        handle = os.open(name, HANDLE, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(handle)
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            return
        entry = Entry(
            title + b"/" if kind is Kind.DIRECTORY and not title.endswith(b"/") else title,
            kind,
            stat.S_IMODE(status.st_mode),
            owners.inside(status.st_uid),
            owners.inside(status.st_gid),
            mtime_ns=status.st_mtime_ns,
        )
        first = links.setdefault((status.st_dev, status.st_ino), title) if status.st_nlink > 1 else title
        if kind is not Kind.DIRECTORY and first != title:
            entry.kind, entry.link = Kind.HARD_LINK, first
            if amend:
                amend(entry)
            yield encode(entry)
            return
        entry.xattrs = read_xattrs(handle_path(handle))
        if kind is Kind.SYMLINK:
            entry.link = os.readlink(b"", dir_fd=handle)
        elif kind in (Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE):
            entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        if kind is Kind.FILE:
            entry.size = entry.stored = status.st_size
        if amend:
            amend(entry)
        yield encode(entry)
        if kind is Kind.FILE:
            yield from _content(handle, status.st_size)
    finally:
        os.close(handle)


def _content(handle: int, size: int) -> Iterator[bytes]:
    fd = os.open(handle_path(handle), os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = size
        while left:
            chunk = os.read(fd, min(left, CHUNK)) or bytes(min(left, CHUNK))
            left -= len(chunk)
            yield chunk
    finally:
        os.close(fd)
    if padding(size):
        yield bytes(padding(size))
