"""Registry drivers: where images come from. One driver claims a reference; the engine pulls through it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class Platform:
    """An OCI platform (image-spec, image-index.md): "linux", "amd64", and a variant such as "v7" or ""."""

    os: str = "linux"
    architecture: str
    variant: str = ""


@attrs.frozen(kw_only=True)
class Credentials:
    """What `docker login` keeps. An identity token replaces user name and password."""

    username: str = ""
    password: str = attrs.field(default="", repr=False)
    identity_token: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class Descriptor:
    """An OCI content descriptor (image-spec, descriptor.md)."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Document:
    """A manifest or an index, as it stands at a registry: `raw` are its exact bytes, `digest` their sha256."""

    raw: bytes
    digest: str
    media_type: str


@attrs.frozen(kw_only=True)
class Manifest(Document):
    """An image manifest for one platform.

    `index_digest` is the digest of the index that it was chosen from, if there was one: what a user pins.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    index_digest: str | None = None


class ImageSource(Protocol):
    """One image being fetched: connections and tokens live as long as this."""

    name: str  # canonical, as shown to the user: "docker.io/library/ubuntu:20.04" -> "ubuntu:20.04"

    async def manifest(self, platform: Platform) -> Manifest:
        """The manifest for *platform*. Raises: NotFound (no such image, or none for the platform), Unauthorized,
        Unavailable, CorruptData."""

    async def document(self) -> Document:
        """What the reference names, be it an index, a manifest, or one of what is no image. Raises: NotFound,
        Unauthorized, Unavailable, CorruptData."""

    async def tags(self) -> Sequence[str]:
        """All tags of the image's repository, whichever the reference names; none where it has no such thing. Raises:
        NotFound, Unauthorized, Unavailable, CorruptData."""

    def blob(self, descriptor: Descriptor, offset: int = 0) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of a blob from *offset* on. A connection that breaks is taken up again by the driver where it
        broke, with backoff. Raises: NotFound, Unauthorized, Unavailable. Need not check the digest: the engine does."""


ReadBlob = Callable[[int], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens a blob for reading from an offset on."""


class ImageSink(Protocol):
    """One image being sent: connections and tokens live as long as this."""

    async def has(self, digest: str) -> bool:
        """Whether the repository has the blob. Raises: Unauthorized, Unavailable."""

    async def mount(self, digest: str, repository: str) -> bool:
        """Take the blob over from another *repository* (normalized, without tag) of the same registry; whether that was
        allowed. Raises: Unauthorized, Unavailable."""

    async def upload(self, blob: Descriptor, read: ReadBlob, sent: Callable[[int], None]) -> None:
        """Send a blob; *sent* is told how many bytes the registry has. A connection that breaks is taken up again where
        it broke, with backoff. Raises: Unauthorized, Unavailable, what *read* raises."""

    async def put_manifest(self, document: Document, *, named: bool = True) -> None:
        """Keep a manifest or an index, all that it refers to being there; if *named* under the name that was opened,
        else under its digest alone. Raises: Unauthorized, Unavailable."""


@attrs.frozen(kw_only=True)
class ArchivedImage:
    """One image of an archive, and the names that it has there, as people write them."""

    source: ImageSource
    names: tuple[str, ...]


@runtime_checkable
class ArchiveReader(Protocol):
    """A registry driver that also reads what `save` has written."""

    def archive(self, path: Path) -> AbstractAsyncContextManager[Sequence[ArchivedImage]]:
        """Open the archive (a tar) at *path*. Raises: InvalidArgument, CorruptData where it is none."""


@attrs.frozen(kw_only=True)
class SearchResult:
    """A repository that a search has found. `stars` is how many users like it; `official` that the registry curates
    it."""

    name: str
    description: str = ""
    stars: int = 0
    official: bool = False


@runtime_checkable
class ImageSearcher(Protocol):
    """A registry driver that finds repositories by words."""

    async def search(self, term: str, limit: int, credentials: Credentials | None) -> Sequence[SearchResult]:
        """Up to *limit* repositories that match *term* ("alpine", "quay.io/alpine"). Raises: InvalidArgument,
        Unsupported where the registry has no search, Unauthorized, Unavailable, CorruptData."""


@attrs.frozen(kw_only=True)
class Packing:
    """An image to be made of `programs` of this machine, by their names in $PATH. Without an `entrypoint` the first of
    them is what a container runs. `env` are "NAME=VALUE"."""

    programs: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = attrs.field(factory=dict)


@runtime_checkable
class ProgramPacker(Protocol):
    """A registry driver that makes images of this machine's programs."""

    def packed(self, packing: Packing) -> AbstractAsyncContextManager[ImageSource]:
        """The image of *packing*: as long as the machine's files are the same, so is its digest. Raises:
        InvalidArgument; NotFound for a program that is not there, when the manifest is asked for."""


@runtime_checkable
class RegistryDriver(Protocol):
    """Conformance: ck.kernel.testing.registry."""

    name: str
    local: bool
    """Whether images are made of this machine's own files, which not everybody who may pull may read."""

    def claims(self, reference: str) -> bool:
        """Whether this driver is the one for *reference* ("host/sh", "oci:dir", "ubuntu"). Pure; asked in the order of
        the config, first yes wins."""

    def normalize(self, reference: str) -> str:
        """The one spelling under which the image is kept, with its tag or digest.

        "ubuntu" gives "docker.io/library/ubuntu:latest". Pure. Raises: InvalidArgument with the offending value.
        """

    def familiar(self, normalized: str) -> str:
        """The short spelling people use ("docker.io/library/ubuntu:20.04" -> "ubuntu:20.04"). Pure."""

    def source(self, reference: str, credentials: Credentials | None) -> AbstractAsyncContextManager[ImageSource]:
        """Open *reference* (normalized) for fetching.

        Without *credentials* the driver uses what it finds configured.
        """

    def sink(self, reference: str, credentials: Credentials | None) -> AbstractAsyncContextManager[ImageSink]:
        """Open *reference* (normalized, with a tag) for sending an image there. Raises: Unsupported where this driver's
        images come from somewhere that takes none."""

    async def login(self, server: str, credentials: Credentials) -> str:
        """Check *credentials* against *server*; return a status sentence.

        Raises: Unauthorized, Unavailable, Unsupported.
        """
