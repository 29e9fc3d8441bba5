"""Named byte ranges: the files of a directory, or the members of a tar, read where they lie."""

import os
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

import attrs

from ck.kernel.errors import CorruptData, InvalidArgument, NotFound

MAX_LINKS: Final = 8
BLOCK: Final = 1 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"


@attrs.frozen
class Extent:
    """*size* bytes at *start* of the open file *fd*."""

    fd: int
    start: int
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Up to *count* bytes from *offset* on."""
        return os.pread(self.fd, min(count, self.size - offset), self.start + offset)


class Files(Protocol):
    """Everything blocks on the disk. Names are relative paths, "index.json"."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def open(self, name: str) -> Extent:
        """The file's bytes; its descriptor is closed with the whole. Raises: NotFound."""

    def close(self) -> None: ...


def _open_file(path: Path) -> int:
    try:
        # Not to wait for the other end of a fifo that poses as a file.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise NotFound(f"cannot open {path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise CorruptData(f"{path} is not a regular file")
    return fd


class DirectoryFiles:
    """The files of a directory."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise NotFound(f"no such directory: {path}")
        self._path = path
        self._open: dict[str, Extent] = {}

    def has(self, name: str) -> bool:
        return (self._path / name).is_file()

    def open(self, name: str) -> Extent:
        if name not in self._open:
            self._open[name] = self._open_new(self._path / name)
        return self._open[name]

    def _open_new(self, path: Path) -> Extent:
        fd = _open_file(path)
        return Extent(fd, 0, os.fstat(fd).st_size)

    def close(self) -> None:
        for extent in self._open.values():
            os.close(extent.fd)
        self._open.clear()


class ArchiveFiles:
    """The members of a tar, which errors name *title*. One that is gzipped as a whole is inflated to an unnamed file
    first."""

    def __init__(self, path: Path, title: str = "") -> None:
        self._file: IO[bytes] = os.fdopen(_open_file(path), "rb")
        try:
            if self._file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
                with self._file as packed:
                    self._file = _inflate(packed)
            self._file.seek(0)
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                self._members = {posixpath.normpath(member.name): member for member in tar}
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            self._file.close()
            raise InvalidArgument(f"{title or path} is no tar archive: {error}") from error

    def has(self, name: str) -> bool:
        return posixpath.normpath(name) in self._members

    def open(self, name: str) -> Extent:
        # `docker save` of old wrote a layer that two images share once, and links to it.
        at = posixpath.normpath(name)
        for _ in range(MAX_LINKS):
            member = self._members.get(at)
            if member is None:
                raise NotFound(f"the archive has no file {name!r}")
            if member.isreg() and not member.issparse():
                return Extent(self._file.fileno(), member.offset_data, member.size)
            if member.issym():
                at = posixpath.normpath(posixpath.join(posixpath.dirname(at), member.linkname))
            elif member.islnk():
                at = posixpath.normpath(member.linkname)
            else:
                break
        raise CorruptData(f"{name!r} in the archive is not a regular file")

    def close(self) -> None:
        self._file.close()


@contextmanager
def opened(files: Files) -> Iterator[Files]:
    """Close *files* at the end."""
    try:
        yield files
    finally:
        files.close()


def _inflate(packed: IO[bytes]) -> IO[bytes]:
    import gzip

    packed.seek(0)
    whole = tempfile.TemporaryFile(dir="/var/tmp")  # noqa: SIM115 - handed on; its close deletes it
    try:
        with gzip.open(packed) as stream:
            while block := stream.read(BLOCK):
                whole.write(block)
        whole.flush()
    except BaseException:
        whole.close()
        raise
    return whole
