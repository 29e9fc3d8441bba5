"""From the tree of a layer to an image around its archive. Pure.

    [0, 4096)         nothing but the superblock at 1024
    [4096, ...)       the archive, byte for byte, where regular files have their content
    at a multiple of 4096: content of sparse files, in chunks
    at a multiple of 4096: inodes with attributes and links; directories and long links, in blocks

Content of an archive begins at a multiple of 512 bytes, so each file is a row of blocks of 512. What lies between the
parts is zero.
"""

import stat
from dataclasses import dataclass
from typing import Final

from ck.kernel.errors import Unsupported
from ck.plugins.builtin.storage_erofs import _format as form
from ck.plugins.builtin.storage_erofs._node import Directory, Node
from ck.plugins.builtin.storage_erofs._sparse import Chunks, Copy, chunked
from ck.plugins.builtin.storage_erofs._xattrs import encode

TAR_AT: Final = 4096
PAGE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What has to be written beside the archive: *copies* within the file, `metadata` at `metadata_at`, and last the
    superblock. `length` is that of the whole, in bytes."""

    copies: list[Copy]
    metadata_at: int
    metadata: bytearray
    superblock: bytes
    length: int


def build(root: Directory, *, tar: int, uuid: bytes) -> Image:
    """The image of the tree *root* around an archive of *tar* bytes. Numbers the nodes, so a tree serves once.

    *uuid*, 16 bytes, is to differ from every other layer's: by it and the inode number overlayfs knows hard links.
    Raises: Unsupported for what 2 TiB do not hold.
    """
    chunks = Chunks(_up(TAR_AT + tar, PAGE), TAR_AT)
    layout = _Layout(chunks)
    layout.place_all(root)
    metadata_at = _up(chunks.end, PAGE)
    metadata = layout.metadata(metadata_at)
    metadata += bytes(-len(metadata) % PAGE)
    length = metadata_at + len(metadata)
    if length // form.BLOCK > form.MAX_BLOCKS:
        raise Unsupported(f"the layer takes {length} bytes, more than an image can hold")
    superblock = form.superblock(
        uuid=uuid,
        inodes=len(layout.nodes),
        blocks=length // form.BLOCK,
        metadata=metadata_at // form.BLOCK,
        chunked=bool(layout.maps),
    )
    return Image(copies=chunks.copies, metadata_at=metadata_at, metadata=metadata, superblock=superblock, length=length)


class _Layout:
    def __init__(self, chunks: Chunks) -> None:
        self.nodes: list[Node] = []
        self.attributes: dict[Node, bytes] = {}  # of those that have any
        self.maps: dict[Node, tuple[int, bytes]] = {}  # of sparse files: kind of the chunks, their blocks
        self._inline: set[Node] = set()  # links that follow their inode
        self._parents: dict[Directory, Directory] = {}
        self._chunks = chunks
        self._end = form.ROOT * form.SLOT

    def place_all(self, root: Directory) -> None:
        """Give every node its place, those of a directory side by side."""
        self._place(root)
        self._parents[root] = root
        root.names = 2
        todo = [root]
        for directory in todo:
            for node in directory.children.values():
                if not node.names:
                    self._place(node)
                    if isinstance(node, Directory):
                        node.names = 1  # its own "."
                        directory.names += 1
                        self._parents[node] = directory
                        todo.append(node)
                node.names += 1

    def _place(self, node: Node) -> None:
        size = form.INODE_SIZE
        opaque = isinstance(node, Directory) and node.opaque
        if node.xattrs or opaque:
            self.attributes[node] = attributes = encode(node.xattrs, opaque=opaque)
            size += len(attributes)
        if node.link:
            size = self._place_link(node, size)
        elif node.segments is not None and node.size:
            self.maps[node] = chunked(node, self._chunks)
            size += len(self.maps[node][1])
        node.place = self._end
        self._end += _up(size, form.SLOT)
        self.nodes.append(node)

    def _place_link(self, node: Node, size: int) -> int:
        """Behind the inode if it fits into one block there: the kernel refuses one that goes on in the next."""
        if len(node.link) > form.BLOCK - form.SLOT:
            return size
        while (self._end + size) % form.BLOCK + len(node.link) > form.BLOCK:
            self._end += form.SLOT
        self._inline.add(node)
        return size + len(node.link)

    def metadata(self, at: int) -> bytearray:
        """Inodes, then blocks; all of it is to be at byte *at* of the image."""
        metadata = bytearray(_up(self._end, form.BLOCK))
        for node in self.nodes:
            kind, size, where = form.PLAIN, node.size, 0
            if isinstance(node, Directory):
                content, size = form.directory_blocks(self._entries(node))
                where = (at + len(metadata)) // form.BLOCK
                metadata += content
            elif node in self.maps:
                kind, (where, tail) = form.CHUNKS, self.maps[node]
                self._follow(metadata, node, tail)
            elif node.link:
                if node in self._inline:
                    kind = form.INLINE
                    self._follow(metadata, node, node.link)
                else:
                    where = (at + len(metadata)) // form.BLOCK
                    metadata += node.link + bytes(-len(node.link) % form.BLOCK)
            elif stat.S_ISREG(node.mode):
                where = (TAR_AT + node.at) // form.BLOCK if size else form.NO_BLOCK
            else:
                where = form.device_number(*node.device)
            words = 0
            if attributes := self.attributes.get(node):
                words = (len(attributes) - 12) // 4 + 1
                start = node.place + form.INODE_SIZE
                metadata[start : start + len(attributes)] = attributes
            seconds, nanoseconds = divmod(node.mtime_ns, 1_000_000_000)
            form.pack_inode(
                metadata,
                node.place,
                kind,
                words,
                node.mode,
                0,
                size,
                where,
                node.place // form.SLOT & 0xFFFF_FFFF,
                node.uid,
                node.gid,
                seconds & 0xFFFF_FFFF_FFFF_FFFF,
                nanoseconds,
                node.names,
            )
        return metadata

    def _follow(self, metadata: bytearray, node: Node, tail: bytes) -> None:
        """Put *tail* behind the inode and its attributes."""
        at = node.place + form.INODE_SIZE + len(self.attributes.get(node, b""))
        metadata[at : at + len(tail)] = tail

    def _entries(self, directory: Directory) -> list[tuple[bytes, int, int]]:
        entries = [
            (name, node.place // form.SLOT, form.entry_type(node.mode)) for name, node in directory.children.items()
        ]
        kind = form.entry_type(stat.S_IFDIR)
        entries.append((b".", directory.place // form.SLOT, kind))
        entries.append((b"..", self._parents[directory].place // form.SLOT, kind))
        entries.sort()
        return entries


def _up(value: int, unit: int) -> int:
    return value + -value % unit
