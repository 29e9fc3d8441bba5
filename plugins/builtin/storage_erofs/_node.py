"""One object of a layer's tree, as the image will have it."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ck.kernel.archive.entry import Entry, Kind

TYPES: Final = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
}


# Mutable and slotted, as entries are: there are thousands in an image.
@dataclass(slots=True, eq=False)
class Node:
    """`mode` has the type too; several names of a tree may lead to one node, which is a hard link then.

    `at` is where a regular file's content begins in the archive, in bytes, `segments` which parts of a sparse one are
    there, `size` its length or that of `link`. `place` is where the image has the inode, in bytes from the first one,
    and `names` how many names lead to it; both are the image's business.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: Mapping[bytes, bytes] | None = None
    at: int = 0
    size: int = 0
    segments: list[tuple[int, int]] | None = None
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    place: int = 0
    names: int = 0


@dataclass(slots=True, eq=False)
class Directory(Node):
    """`own` are the names that have an entry in this layer; `opaque` hides what the layers below have of its name."""

    children: dict[bytes, Node] = field(default_factory=dict)
    own: set[bytes] = field(default_factory=set)
    opaque: bool = False


def whiteout() -> Node:
    """What hides a name of the layers below: overlayfs takes a character device 0:0 for that."""
    return Node(stat.S_IFCHR)


def is_whiteout(node: Node) -> bool:
    return stat.S_ISCHR(node.mode) and node.device == (0, 0)


def file_node(entry: Entry, at: int, xattrs: Mapping[bytes, bytes] | None) -> Node:
    """A regular file with its content at byte *at* of the archive."""
    return Node(stat.S_IFREG | entry.mode, entry.uid, entry.gid, entry.mtime_ns, xattrs, at, entry.size, entry.segments)


def other_node(entry: Entry, xattrs: Mapping[bytes, bytes] | None) -> Node:
    """A symbolic link, a device or a fifo."""
    mode, link = entry.mode, b""
    if entry.kind is Kind.SYMLINK:
        mode, link = 0o777, entry.link  # the kernel has all symbolic links so; an archive's others may name a target
    return Node(
        TYPES[entry.kind] | mode,
        entry.uid,
        entry.gid,
        entry.mtime_ns,
        xattrs,
        size=len(link),
        link=link,
        device=(entry.major, entry.minor),
    )
