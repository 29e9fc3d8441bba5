"""Getting hold of a build context: uploaded, fetched, cloned."""

from pathlib import Path
from typing import BinaryIO, Final

import trio

from ck.kernel.archive.extract import extract
from ck.kernel.archive.stage import opened
from ck.kernel.engine.build.archives import opened_archive
from ck.kernel.engine.build.git import clone, git_source, is_git
from ck.kernel.engine.build.remote import download, is_url
from ck.kernel.errors import CorruptData, InvalidArgument

_LARGEST: Final = 1 << 22  # bytes of a Dockerfile that is a context by itself


def unpacked(file: Path, directory: Path) -> Path:
    """Unpack the archive *file*, compressed or not, into the new *directory*; a mere Dockerfile is a context that has
    nothing else. Return *directory*. Blocks. Raises: CorruptData, Unavailable."""
    directory.mkdir(mode=0o700)
    with file.open("rb") as stream:
        if (archive := opened_archive(stream)) is not None:
            with opened(directory) as root:
                extract(archive, root)
            return directory
        stream.seek(0)
        text = stream.read(_LARGEST + 1)
    if b"\0" in text or len(text) > _LARGEST:
        raise CorruptData("the build context is neither an archive nor a Dockerfile")
    if text:
        (directory / "Dockerfile").write_bytes(text)
    return directory


def received(tar: BinaryIO, scratch: Path) -> Path:
    """The context that a client has sent, below *scratch*. Blocks."""
    upload = scratch / "upload"
    with upload.open("wb") as file:
        while chunk := tar.read(1 << 20):
            file.write(chunk)
    context = unpacked(upload, scratch / "context")
    upload.unlink()
    return context


async def fetched(remote: str, scratch: Path, agent: Path | None) -> Path:
    """The context that the URL *remote* names, in the new directory *scratch*: a git repository, which may need
    the SSH *agent*, an archive or a Dockerfile.

    Raises: InvalidArgument for what is no URL or contradicts itself, NotFound, Unavailable, CorruptData.
    """
    if is_git(remote):
        source = git_source(remote)
        await clone(source, scratch, agent=agent)
        return scratch / source.directory
    if not is_url(remote):
        raise InvalidArgument(f"cannot build from {remote!r}: it is neither a URL nor a git repository")
    found = await download(remote, scratch.with_name("download"))
    return await trio.to_thread.run_sync(unpacked, found.path, scratch)
