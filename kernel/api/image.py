"""Images as the engine keeps them, and what a pull tells while it goes on."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ck.kernel.api.container import ContainerConfig
from ck.kernel.drivers.registry import Document, Platform


@attrs.frozen(kw_only=True)
class HistoryEntry:
    """One entry of an image config's history. `created` may be missing."""

    created: datetime | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False
    size: int = 0  # bytes of its layer, filled in by the engine
    tags: tuple[str, ...] = ()  # of the image whose top this is
    image_id: str = "<missing>"


@attrs.frozen(kw_only=True)
class Image:
    """An image: `id` is the digest of its config. `tags` and `digests` are normalized references that name it."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()  # "docker.io/library/ubuntu@sha256:..."
    created: datetime | None = None
    author: str = ""
    comment: str = ""
    architecture: str = ""
    variant: str = ""
    os: str = "linux"
    config: ContainerConfig = attrs.field(factory=ContainerConfig)
    history: tuple[HistoryEntry, ...] = ()
    diff_ids: tuple[str, ...] = ()
    chain_ids: tuple[str, ...] = ()
    layer_sizes: tuple[int, ...] = ()
    size: int = 0  # bytes, all layers
    layer_blobs: tuple[str, ...] = ()  # digests of the blobs that hold the layers; "" where storage keeps the tar
    manifest_digest: str = ""
    storage_driver: str = ""
    last_used: datetime | None = None  # to the hour, but for when it came


@attrs.frozen(kw_only=True)
class CommitRequest:
    """`target` is the name of the new image, "" for none. What `config` says goes before what the container has, and
    `changes`, instructions of a Dockerfile, before both."""

    target: str = ""
    author: str = ""
    comment: str = ""
    pause: bool = True  # while its files are read
    config: ContainerConfig = attrs.field(factory=ContainerConfig)
    changes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ImportRequest:
    """`platform` None: this machine's. `changes` are instructions of a Dockerfile."""

    target: str = ""
    comment: str = ""
    platform: Platform | None = None
    changes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NamedManifest:
    """A manifest or an index, by the normalized name that led there, and the platforms that it has images for."""

    name: str
    document: Document
    platforms: tuple[Platform, ...]


@attrs.frozen(kw_only=True)
class Pushed:
    """What a push has made: the manifest's digest and bytes."""

    tag: str
    digest: str
    size: int


@attrs.frozen(kw_only=True)
class Progress:
    """One step of a pull or its kind (Docker's JSON stream). `id` is a layer's 12 digits or a tag; current and total
    are bytes. Where `line` (text for the user, as it stands), `pushed` or `image_id` is set it is all there is."""

    status: str = ""
    id: str = ""
    current: int = 0
    total: int = 0
    line: str = ""
    pushed: Pushed | None = None
    image_id: str = ""  # what a build has made


@attrs.frozen(kw_only=True)
class ImageRemoval:
    """One line of `rmi`: exactly one of the two is set."""

    untagged: str = ""
    deleted: str = ""


@attrs.frozen(kw_only=True)
class ImageUsage:
    """Bytes that an image takes on the disk, its kept blobs included, and how many of them others take as well."""

    size: int
    shared: int


@attrs.frozen(kw_only=True)
class CachedStep:
    """A step in the build cache: the bytes on the disk of its layer, which an image has too if it is `shared`. Or a
    directory of `--mount=type=cache`, of which nobody keeps the times; a RUN has it if it is `in_use`."""

    key: str
    description: str
    size: int
    is_directory: bool = False
    in_use: bool = False
    shared: bool = False
    created: datetime | None = None
    used: datetime | None = None
    uses: int = 0


@attrs.frozen(kw_only=True)
class DiskUsage:
    """`system df`: bytes on the disk, by ID or name. `images_size` is all of images, what they share counted once;
    `images_free` as much of it as goes when all images go that no container was made of; `cache` what only steps of
    builds have beside that."""

    images_size: int
    images_free: int
    images: Mapping[str, ImageUsage]
    container_rw: Mapping[str, int]
    volumes: Mapping[str, int]
    cache: tuple[CachedStep, ...] = ()
