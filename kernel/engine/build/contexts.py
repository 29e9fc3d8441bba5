"""Getting hold of a build context: uploaded, fetched, cloned. Everything blocks."""

from pathlib import Path
from typing import BinaryIO, Final

from ck.kernel.archive.extract import extract
from ck.kernel.archive.stage import opened
from ck.kernel.engine.build.archives import opened_archive
from ck.kernel.engine.build.remote import clone, download, is_git, is_url, subdirectory
from ck.kernel.errors import CorruptData, InvalidArgument

_LARGEST: Final = 1 << 22  # bytes of a Dockerfile that is a context by itself


def unpacked(file: Path, directory: Path) -> Path:
    """Unpack the archive *file*, compressed or not, into the new *directory*; a mere Dockerfile is a context that has
    nothing else. Return *directory*. Raises: CorruptData, Unavailable."""
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
    """The context that a client has sent, below *scratch*."""
    upload = scratch / "upload"
    with upload.open("wb") as file:
        while chunk := tar.read(1 << 20):
            file.write(chunk)
    context = unpacked(upload, scratch / "context")
    upload.unlink()
    return context


def fetched(remote: str, scratch: Path) -> Path:
    """The context that the URL *remote* names, in the new directory *scratch*: a git repository, an archive or a
    Dockerfile.

    Raises: InvalidArgument for what is no URL, NotFound, Unavailable, CorruptData.
    """
    if is_git(remote):
        clone(remote, scratch, keep_git_dir=False)
        return scratch / subdirectory(remote)
    if not is_url(remote):
        raise InvalidArgument(f"cannot build from {remote!r}: it is neither a URL nor a git repository")
    return unpacked(download(remote, scratch.with_name("download")).path, scratch)
