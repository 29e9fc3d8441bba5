"""Content stores: immutable blobs by digest, and partial downloads that survive a crash."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class BlobInfo:
    """A blob, or as much of it as is there. `size` in bytes, `disk` in those that it takes on the disk."""

    digest: str
    size: int
    disk: int = attrs.field(eq=False, default=0)


class Ingest(Protocol):
    """One blob on its way in. Bytes may be read while more arrive: `path` is an ordinary file that only grows."""

    digest: str
    path: Path
    offset: int  # bytes on disk already; a download goes on from here

    def write(self, chunk: bytes) -> None:
        """Append. Blocks on the disk: call it from a worker thread, or with chunks of 1 MiB at most."""

    async def commit(self) -> None:
        """Check the digest of the whole and keep the blob. Raises: CorruptData; then nothing is kept."""

    async def keep(self) -> None:
        """As `commit`, for a caller who has read it all and checked the digest."""

    async def discard(self) -> None:
        """Drop the bytes: a blob that turned out wrong, or one whose content lives on as a layer."""

    async def close(self) -> None:
        """Let go, keeping the bytes for a later `ingest` of the same digest."""


class Draft(Protocol):
    """One blob that is made here, whose digest is known once it is whole. A crash leaves nothing of it."""

    path: Path  # of what is written so far

    def write(self, chunk: bytes | memoryview) -> int:
        """Append all of *chunk*, return its length. Blocks on the disk: call it from a worker thread."""

    async def finish(self) -> BlobInfo:
        """End the writing; return what blob it would be."""

    async def commit(self) -> None:
        """Keep it, once it is finished, under its sha256 digest. One that is there already is success."""

    async def discard(self) -> None:
        """Drop the bytes; success after a commit too."""


@runtime_checkable
class ContentStore(Protocol):
    """Digests are "sha256:<64 hex>" or "sha512:<128 hex>"; a malformed one is InvalidArgument.

    Conformance: ck.kernel.testing.content.
    """

    name: str

    async def open(self, root: Path) -> None:
        """Use the directory *root*, made if missing. Call once, first."""

    async def has(self, digest: str) -> bool:
        """Whether the blob is wholly there."""

    async def read(self, digest: str) -> bytes:
        """A small blob (manifest, config), whole, checked. Raises: NotFound, CorruptData."""

    async def add(self, content: bytes) -> str:
        """Keep a small blob; return its sha256 digest. Adding it again is success."""

    async def path(self, digest: str) -> Path:
        """The blob's file, for streaming. Raises: NotFound."""

    async def ingest(self, digest: str, size: int | None) -> Ingest:
        """Begin or go on with a download. A second `ingest` of a digest under way waits for the first to end."""

    async def draft(self) -> Draft:
        """Begin a blob that is made here."""

    async def blobs(self) -> Sequence[BlobInfo]:
        """All blobs that are wholly there."""

    async def partials(self) -> Sequence[BlobInfo]:
        """Downloads that were broken off, and which nobody has taken up again."""

    async def remove_partial(self, digest: str) -> None:
        """Drop what is there of a download that nobody is at; where somebody is, or nothing is there, do nothing."""

    async def remove(self, digest: str) -> None:
        """Drop a blob; one that is not there is success."""

    async def close(self) -> None:
        """Let go of what `open` took."""
