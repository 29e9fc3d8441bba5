"""A layer: entries in a fixed order, streamed as a tar that depends on nothing but them."""

import hashlib
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

import attrs

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_host import _etc
from ck.plugins.builtin.registry_host._host import FileKey, Host

CHUNK: Final = 1 << 20


@attrs.frozen(kw_only=True)
class Entry:
    """One entry of the tar. All belong to root.

    `key` is set where the bytes are those of a file of the host, `content` where they are made up; `target` for a link.
    Times are whole seconds: those of files are the host's, because compiled Python modules name the time of their
    source; all others are 0.
    """

    path: str
    type: bytes  # one of tarfile's
    mode: int
    size: int = 0
    mtime: int = 0
    target: str = ""
    content: bytes = b""
    key: FileKey | None = None


def entries(host: Host, paths: Iterable[str], made_up: Mapping[str, bytes]) -> list[Entry]:
    """The entries of an image with the links and files *paths*, sorted, each after its directory.

    The files of `_etc` and *made_up* win over those of the host.
    """
    found = {path: _of_host(host, path) for path in paths if path != "/"}
    for path, content in {**_etc.FILES, **made_up}.items():
        found[path] = Entry(path=path, type=tarfile.REGTYPE, mode=0o644, size=len(content), content=content)
    for path, target in _etc.LINKS.items():
        found[path] = Entry(path=path, type=tarfile.SYMTYPE, mode=0o777, target=target)
    directories = {str(parent): 0o755 for path in found for parent in PurePosixPath(path).parents} | _etc.DIRECTORIES
    directories.pop("/", None)
    for path, mode in directories.items():
        found[path] = Entry(path=path, type=tarfile.DIRTYPE, mode=mode)
    return [found[path] for path in sorted(found)]


def _of_host(host: Host, path: str) -> Entry:
    status = host.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return Entry(path=path, type=tarfile.SYMTYPE, mode=0o777, target=host.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(path=path, type=tarfile.DIRTYPE, mode=0o755)
    return Entry(
        path=path,
        type=tarfile.REGTYPE,
        mode=0o755 if status.st_mode & 0o111 else 0o644,
        size=status.st_size,
        mtime=int(status.st_mtime),
        key=host.key(path),
    )


def stream(host: Host, layer: Iterable[Entry]) -> Iterator[bytes]:
    """The tar of *layer* in chunks of about 1 MiB. Raises: CorruptData where a file has changed meanwhile."""
    pending = bytearray()
    for entry in layer:
        pending += _header(entry)
        for chunk in _content(host, entry):
            pending += chunk
            if len(pending) >= CHUNK:
                yield bytes(pending)
                pending.clear()
        pending += bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(pending) + bytes(2 * tarfile.BLOCKSIZE)


def digest(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Digest and size of a stream."""
    sha256, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha256.update(chunk)
        size += len(chunk)
    return f"sha256:{sha256.hexdigest()}", size


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.type, info.mode, info.size, info.mtime = entry.type, entry.mode, entry.size, entry.mtime
    info.linkname = entry.target
    info.uname = info.gname = "root"
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(host: Host, entry: Entry) -> Iterator[bytes]:
    if entry.key is None:
        yield entry.content
        return
    left = entry.size
    with host.open(entry.path) as file:
        # Read to the size in the header, never further: a file that grows must not spoil the tar.
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left or host.key(entry.path) != entry.key:
        raise CorruptData(f'"{entry.path}" changed while an image was made of it; pull again')
