"""ADD of what is no plain file: archives, which are unpacked, URLs and git repositories. Everything blocks."""

import hashlib
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import attrs

from ck.kernel.archive.entry import Entry, Kind
from ck.kernel.archive.header import BLOCK, checked
from ck.kernel.archive.reader import Readable, TarReader
from ck.kernel.engine.build.copy import SECOND, CopyWriter
from ck.kernel.engine.decompress import decompressed
from ck.kernel.errors import CkError, CorruptData, InvalidArgument, NotFound, Unavailable

_GIT: Final = re.compile(r"(?:git://|git@[^:/]+:|ssh://|(?:https?|file)://[^?#]+\.git(?:#|$))")
_SECONDS: Final = 60.0  # without a byte
_GIT_SECONDS: Final = 600.0
_CHUNK: Final = 1 << 20
_FILE_MODE: Final = 0o600  # of what came by URL, as Docker has it


@attrs.frozen(kw_only=True)
class Download:
    """A file that came by URL: its `name` as the URL has it, its time in ns, its SHA-256 as "sha256:<hex>"."""

    path: Path
    name: str
    mtime_ns: int
    digest: str


def is_git(source: str) -> bool:
    """Whether a source of ADD, or a build context, is a git repository."""
    return _GIT.match(source) is not None


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def download(url: str, target: Path) -> Download:
    """Fetch *url* to the file *target*. Raises: InvalidArgument where it names no file, NotFound, Unavailable."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    hashed = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "ck", "Accept-Encoding": "identity"})
    try:
        with closing(urllib.request.urlopen(request, timeout=_SECONDS)) as answer, target.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                hashed.update(chunk)
                file.write(chunk)
            modified = answer.headers.get("Last-Modified")
    except urllib.error.HTTPError as error:
        kind = NotFound if error.code == 404 else Unavailable
        raise kind(f"cannot fetch {url}: the server answered {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unavailable(f"cannot fetch {url}: {getattr(reason, 'strerror', None) or reason}") from error
    return Download(path=target, name=name, mtime_ns=_time(modified), digest=f"sha256:{hashed.hexdigest()}")


def clone(source: str, target: Path, *, keep_git_dir: bool) -> str:
    """Have in the new directory *target* what `URL[#REF[:DIRECTORY]]` holds; return the commit's name.

    Raises: InvalidArgument where git is not installed or the directory leads out, NotFound for what is not there.
    """
    url, _, fragment = source.partition("#")
    ref, _, directory = fragment.partition(":")
    _git("init", "-q", str(target))
    # Alone this works for a branch, a tag and a commit alike, and fetches nothing else.
    _git("-C", str(target), "fetch", "-q", "--depth", "1", "--", url, ref or "HEAD")
    _git("-C", str(target), "checkout", "-q", "--detach", "FETCH_HEAD")
    _git("-C", str(target), "submodule", "update", "-q", "--init", "--recursive", "--depth", "1")
    commit = _git("-C", str(target), "rev-parse", "HEAD").strip()
    if not keep_git_dir:
        _git_dir_away(target)
    if directory:
        inner = (target / directory.strip("/")).resolve()
        if not inner.is_relative_to(target.resolve()) or not inner.is_dir():
            raise NotFound(f'"{directory}": no such directory in {url}')
    return commit


def subdirectory(source: str) -> str:
    """The directory that a git source names in its repository, "" for all of it."""
    return source.partition("#")[2].partition(":")[2].strip("/")


def add_file(writer: CopyWriter, found: Download, mode: int | None) -> None:
    """Copy what came by URL."""
    size = found.path.stat().st_size
    name = os.fsencode(found.name)
    entry = Entry(
        name,
        mode=_FILE_MODE if mode is None else mode,
        size=size,
        stored=size,
        mtime_ns=found.mtime_ns,
    )
    with found.path.open("rb") as file:
        writer.entry(name, entry, iter(lambda: file.read(_CHUNK), b""), alone=True)


def opened_archive(file: BinaryIO) -> Readable | None:
    """The tar, uncompressed, that *file* is; None for what is none."""
    file.seek(0)
    try:
        stream = decompressed(cast(Readable, file))
        head = b""
        while len(head) < BLOCK and (chunk := stream.read(BLOCK - len(head))):
            head += chunk
        if len(head) < BLOCK or not any(head):
            return None
        checked(head)
    except CkError:
        return None
    return _Again(head, stream)


def add_archive(writer: CopyWriter, stream: Readable) -> None:
    """Unpack *stream*, a tar. Raises: CorruptData for one that is damaged or leads out."""
    reader = TarReader(stream)
    for entry in reader:
        path = entry.name
        if path.rpartition(b"/")[2].startswith(b".wh."):
            raise InvalidArgument(f"{os.fsdecode(path)} cannot be in a layer, where .wh. names mean deletion")
        if entry.kind is Kind.CHARACTER_DEVICE and not entry.major and not entry.minor:
            raise CorruptData(f"{os.fsdecode(path)} is the device 0:0, which stands for a deleted file")
        content = reader.data()
        if entry.segments is not None:
            content = _filled(content, entry.segments, entry.size)
            entry.segments, entry.stored = None, entry.size
        if path:
            writer.entry(path, entry, content)


def _filled(content: Iterator[memoryview], segments: Sequence[tuple[int, int]], size: int) -> Iterator[memoryview]:
    """All of a sparse file of which *content* has the *segments*."""
    at = 0
    rest = memoryview(b"")
    for offset, length in segments:
        yield from _zeros(offset - at)
        left = length
        while left:
            rest = rest or next(content)
            piece, rest = rest[:left], rest[left:]
            left -= len(piece)
            yield piece
        at = offset + length
    yield from _zeros(size - at)


def _zeros(count: int) -> Iterator[memoryview]:
    for start in range(0, count, _CHUNK):
        yield memoryview(bytes(min(_CHUNK, count - start)))


class _Again:
    """*head*, then the rest of *stream*."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._stream.read(size)


def _time(modified: str | None) -> int:
    try:
        return int(parsedate_to_datetime(modified).timestamp()) * SECOND if modified else 0
    except ValueError:
        return 0


def _git(*arguments: str) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            ["git", "-c", "protocol.ext.allow=never", *arguments],
            capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL,
            timeout=_GIT_SECONDS,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InvalidArgument("git is not installed, so no git repository can be used") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git {arguments[-1]} did not end within {_GIT_SECONDS:g} seconds") from error
    if done.returncode:
        told = done.stderr.strip().splitlines() or ["it says nothing"]
        raise NotFound(f"git {arguments[0] if arguments[0] != '-C' else arguments[2]}: {told[-1]}")
    return done.stdout


def _git_dir_away(target: Path) -> None:
    import shutil

    for found in list(target.rglob(".git")):
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()
