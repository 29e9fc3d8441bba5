"""What `cp` and the archive endpoints do inside a container's root, and what fills a new volume.

All paths are the user's, inside the container: they are resolved in *root_fd*, so neither ".." nor a link leads out,
whatever a process in the container does meanwhile. Everything blocks but `streaming`.
"""

import errno
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import trio

from ck.kernel.api.container import PathStat
from ck.kernel.archive.copy import copy_tree
from ck.kernel.archive.directories import Directories, names_in, open_in_root
from ck.kernel.archive.extract import extract
from ck.kernel.archive.owners import HOST, Owners
from ck.kernel.archive.pack import pack, pack_object
from ck.kernel.archive.reader import Readable
from ck.kernel.archive.stage import opened
from ck.kernel.engine.decompress import decompressed
from ck.kernel.errors import InvalidArgument, NotFound

T = TypeVar("T")
View = Callable[[Callable[[int], None]], Awaitable[None]]
"""`in_root` or `in_running_root` (rootview.py) with all but the last argument given."""

CHUNKS_AHEAD: Final = 4  # of 1 MiB, between the thread that packs and the client


def stat_path(root_fd: int, path: str) -> PathStat:
    """What *path* is. A link at its end is not followed, unless a slash follows it; `link_target` is where it leads in
    the end, as an absolute path in the container. Raises: NotFound, InvalidArgument."""
    with _parent(root_fd, path) as (parent, name):
        status = os.lstat(name, dir_fd=parent)
        target = ""
        if stat.S_ISLNK(status.st_mode):
            with Directories(root_fd) as directories:
                target = "/" + os.fsdecode(b"/".join(directories.real(_clean(path).strip(b"/"))))
        return PathStat(
            name=os.fsdecode(_title(_clean(path))),
            size=status.st_size,
            mode=status.st_mode,
            modified=datetime.fromtimestamp(status.st_mtime, UTC),
            link_target=target,
        )


def pack_path(root_fd: int, path: str, owners: Owners = HOST) -> Iterator[bytes]:
    """A tar of *path*: of the object itself, or of a directory with all that is in it, under the path's last component
    ("." for "dir/.", "/" for "/"). Links are as in `stat_path`. Raises: NotFound, InvalidArgument, from the first step.
    """
    with _parent(root_fd, path) as (parent, name):
        if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                yield from pack(directory, _title(_clean(path)), owners)
            finally:
                os.close(directory)
        else:
            yield from pack_object(parent, name, _title(_clean(path)), owners)


def pack_root(root_fd: int, owners: Owners = HOST) -> Iterator[bytes]:
    """A tar of all that is in the root, without an entry for the root itself."""
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
    try:
        yield from pack(directory, owners=owners)
    finally:
        os.close(directory)


def unpack_at(
    root_fd: int,
    path: str,
    stream: Readable,
    *,
    no_overwrite_dir_non_dir: bool = False,
    owner: tuple[int, int] | None = None,
    owners: Owners = HOST,
) -> None:
    """Unpack the tar *stream* (plain, gzip, bzip2, xz or zstd) into the directory *path*, links followed.

    *owner* (uid, gid) overrules the archive's. Raises: NotFound, InvalidArgument (no directory; a directory would be
    replaced by something else or the reverse), CorruptData, Forbidden (read-only), what the stream raises.
    """
    clean = _clean(path)
    with _reported(path):
        os.close(open_in_root(root_fd, clean, os.O_PATH | os.O_DIRECTORY))
    extract(
        decompressed(stream),
        root_fd,
        base=clean.strip(b"/"),
        keep_kinds=no_overwrite_dir_non_dir,
        owner=owner,
        owners=owners,
    )


def copy_up(root_fd: int, path: str, volume: Path) -> None:
    """Fill the new volume at *volume* with what the image has at *path*: content and the attributes of the directory.

    A volume that holds something, and a path at which the image has no directory, are left alone. Raises: OSError.
    """
    clean = _clean(path)
    with opened(volume) as target:
        if names_in(target):
            return
        try:
            source = open_in_root(root_fd, clean, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            copy_tree(source, target)
        finally:
            os.close(source)


@asynccontextmanager
async def streaming(
    view: View, produce: Callable[[int], tuple[T, Iterator[bytes]]]
) -> AsyncIterator[tuple[T, AsyncIterator[bytes]]]:
    """Run *produce* in *view* and hand what it yields to the event loop, a few chunks ahead of the reader.

    The body gets the value that *produce* returned, and the chunks. Leaving early ends the thread at its next chunk.
    Raises: what *produce* raises, before the body runs or from the iteration.
    """
    send, receive = trio.open_memory_channel[bytes](CHUNKS_AHEAD)
    first: list[T] = []
    failure: list[Exception] = []
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work(root_fd: int) -> None:
        value, chunks = produce(root_fd)
        first.append(value)
        token.run_sync_soon(begun.set)
        for chunk in chunks:
            try:
                trio.from_thread.run(send.send, chunk, trio_token=token)
            except trio.BrokenResourceError:
                return  # nobody reads any more

    async def run() -> None:
        try:
            await view(work)
        except Exception as error:  # raised again where the reader is
            failure.append(error)
        finally:
            send.close()
            begun.set()

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in receive:
            yield chunk
        if failure:
            raise failure[0]

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await begun.wait()
            try:
                if not first:
                    raise failure[0]
                yield first[0], chunks()
            finally:
                receive.close()
    except BaseExceptionGroup as group:
        # The nursery is no business of the caller, who gets the error itself.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _clean(path: str) -> bytes:
    """*path* made absolute, ".." taken back by its letters as Docker does, a last slash or "/." kept.

    Raises: InvalidArgument.
    """
    if "\0" in path:
        raise InvalidArgument(f"the path {path!r} holds a NUL byte")
    normal = os.path.normpath("/" + path.lstrip("/"))
    last = path.rpartition("/")[2]
    if normal != "/":
        normal += "/." if last == "." else "/" if path.endswith("/") else ""
    return os.fsencode(normal)


def _title(path: bytes) -> bytes:
    """The name under which the clean *path* is archived (Go's path.Base, which Docker applies to it)."""
    return path.rstrip(b"/").rpartition(b"/")[2] or b"/"


@contextmanager
def _reported(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"there is no {path} in the container") from error
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            raise InvalidArgument(f"{path}: {os.strerror(error.errno)}") from error
        raise


@contextmanager
def _parent(root_fd: int, path: str) -> Iterator[tuple[int, bytes]]:
    """The directory of *path*, links on the way followed, and its last component, "." where that is a slash or dot."""
    clean = _clean(path)
    above, _, name = clean.rpartition(b"/")
    if name in (b"", b"."):
        above, name = clean, b"."
    with _reported(path):
        parent = open_in_root(root_fd, above or b".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield parent, name
        finally:
            os.close(parent)
