"""Reads EROFS images, independently of what writes them, and checks what the kernel would refuse or misread.

Source: Linux fs/erofs/{super,inode,dir,namei,xattr,data}.c.
"""

import struct
from collections.abc import Mapping

import attrs

BLOCK = 512
HOLE = 0xFFFF_FFFF
PREFIXES = {1: b"user.", 2: b"system.posix_acl_access", 3: b"system.posix_acl_default", 4: b"trusted.", 6: b"security."}
FILE, DIRECTORY, CHARACTERS, BLOCKS, FIFO, LINK = 0o10, 0o4, 0o2, 0o6, 0o1, 0o12
ENTRY_TYPES = {FILE: 1, DIRECTORY: 2, CHARACTERS: 3, BLOCKS: 4, FIFO: 5, LINK: 7}


@attrs.frozen(kw_only=True)
class Inode:
    """`content` is a file's, a link's target, or of a directory its names and the numbers of their inodes."""

    number: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    names: int
    device: int
    content: bytes
    entries: Mapping[bytes, int]
    xattrs: Mapping[bytes, bytes]


class ErofsImage:
    """An image of blocks of 512 bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        fields = struct.unpack_from("<IIIBBHQQIIII16s16xI", data, 1024)
        magic, self.crc, compatible, bits, slots, self.root, self.inodes, epoch, nanoseconds, blocks = fields[:10]
        self.metadata, shared, self.uuid, self.incompatible = fields[10:]
        assert (magic, bits, slots, epoch, nanoseconds, shared) == (0xE0F5E1E2, 9, 0, 0, 0, 0)
        assert compatible == 3 and self.incompatible in (0, 4)
        assert blocks * BLOCK == len(data) and not any(data[1152:1536]), "the checksum covers the block to its end"

    def inode(self, number: int) -> Inode:
        at = self.metadata * BLOCK + number * 32
        fields = struct.unpack_from("<HHHHQIIIIQII", self.data, at)
        kind, words, mode, zero, size, where, _, uid, gid, seconds, nanoseconds, names = fields
        assert zero == 0 and nanoseconds < 1_000_000_000 and number > 0
        at += 64
        xattrs = {}
        if words:
            xattrs = self._xattrs(self.data[at : at + 12 + 4 * (words - 1)])
            at += 12 + 4 * (words - 1)
        content, entries, device = b"", {}, 0
        if mode >> 12 in (FILE, LINK, DIRECTORY):
            content = self._content(kind, size, where, at)
        elif kind == 1:
            assert size == 0
            device = where
        if mode >> 12 == DIRECTORY:
            entries, content = self._entries(content), b""
        signed = seconds - (1 << 64) if seconds >> 63 else seconds
        mtime_ns = signed * 1_000_000_000 + nanoseconds
        return Inode(
            number=number,
            mode=mode,
            uid=uid,
            gid=gid,
            mtime_ns=mtime_ns,
            names=names,
            device=device,
            content=content,
            entries=entries,
            xattrs=xattrs,
        )

    def tree(self) -> dict[bytes, Inode]:
        """Every path with its inode; checks types, "." and ".." on the way."""
        found = {b"": self.inode(self.root)}
        todo = [b""]
        for path in todo:
            directory = found[path]
            above = found[path.rpartition(b"/")[0]]
            assert (directory.entries[b"."], directory.entries[b".."]) == (directory.number, above.number)
            for name, number in directory.entries.items():
                if name not in (b".", b".."):
                    below = path + b"/" + name if path else name
                    found[below] = self.inode(number)
                    if found[below].mode >> 12 == DIRECTORY:
                        todo.append(below)
        return found

    def _content(self, kind: int, size: int, where: int, at: int) -> bytes:
        if kind == 1:
            if not size:
                return b""
            assert where * BLOCK + size <= len(self.data)
            return self.data[where * BLOCK :][:size]
        if kind == 5:
            assert at % BLOCK + size <= BLOCK and size < BLOCK, "what follows an inode lies in one block"
            return self.data[at : at + size]
        assert kind == 9 and self.incompatible == 4 and where < 32
        chunk = BLOCK << where
        starts = struct.unpack_from(f"<{-(-size // chunk)}I", self.data, at)
        chunks = [bytes(chunk) if each == HOLE else self.data[each * BLOCK :][:chunk] for each in starts]
        return b"".join(chunks)[:size]

    def _entries(self, content: bytes) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        kinds = {}
        for start in range(0, len(content), BLOCK):
            block = content[start : start + BLOCK]
            count, rest = divmod(struct.unpack_from("<H", block, 8)[0], 12)
            assert count and not rest
            heads = [struct.unpack_from("<QHB", block, 12 * each) for each in range(count)]
            ends = [head[1] for head in heads[1:]] + [len(block)]
            for (number, begin, kind), end in zip(heads, ends, strict=True):
                name = block[begin:end].rstrip(b"\0")
                assert name and b"\0" not in name and name not in found
                found[name], kinds[number] = number, kind
        assert list(found) == sorted(found), "the kernel searches by halves"
        for number, kind in kinds.items():
            mode = struct.unpack_from("<H", self.data, self.metadata * BLOCK + number * 32 + 4)[0]
            assert ENTRY_TYPES[mode >> 12] == kind
        return found

    def _xattrs(self, body: bytes) -> dict[bytes, bytes]:
        assert not any(body[:12])
        found, at = {}, 12
        while at < len(body):
            length, index, size = struct.unpack_from("<BBH", body, at)
            name = body[at + 4 : at + 4 + length]
            found[PREFIXES[index] + name] = body[at + 4 + length :][:size]
            at += 4 + length + size
            at += -at % 4
        assert at == len(body)
        return found
