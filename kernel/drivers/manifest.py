"""Reading image manifests and indexes: what every registry driver must agree on. Pure.

Formats: OCI image-spec manifest.md and image-index.md, and Docker's "Image Manifest Version 2, Schema 2". The shape of
the document decides what it is, never a header: a document that could be read both ways is refused (CVE-2021-41190).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import attrs

from ck.kernel.drivers.digest import DIGEST, sha256_digest
from ck.kernel.drivers.registry import Descriptor, Document, Manifest, Platform
from ck.kernel.errors import CorruptData, Unsupported

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
ACCEPTED: Final = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)

# Old registries gave configs the type of any blob.
CONFIG_TYPES: Final = frozenset({OCI_CONFIG, DOCKER_CONFIG, "application/octet-stream"})
LAYER_TYPES: Final = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
)

MAX_BYTES: Final = 4 << 20
"""Of a manifest or an index: what the distribution spec asks registries to take, and so the largest there is."""

MAX_SIZE: Final = 1 << 62
"""Of one blob: what a file offset holds, with room to add two."""


@attrs.frozen(kw_only=True)
class IndexEntry:
    """One manifest that an index offers. `platform` is None where the index does not say."""

    descriptor: Descriptor
    platform: Platform | None


def read_manifest(raw: bytes, *, digest: str, index_digest: str | None = None) -> Manifest | tuple[IndexEntry, ...]:
    """Read a document: an image manifest, or the entries of an index. *digest* is that of *raw*, checked already.

    Raises: CorruptData where it is malformed; Unsupported for schema 1 and for artifacts that are no container images.
    """
    document = read_json(raw, digest)
    if document.get("schemaVersion") == 1:
        raise Unsupported(f"manifest {digest} has the retired schema 1 format; push the image again with a newer tool")
    if document.get("schemaVersion") != 2:
        _corrupt(digest, f"has the schema version {document.get('schemaVersion')!r}, not 2")
    if "manifests" in document:
        if "layers" in document or "config" in document:
            _corrupt(digest, "is both an index and an image manifest")
        return tuple(_entry(item, digest) for item in _list(document, "manifests", digest))
    config = read_descriptor(document.get("config"), digest)
    layers = tuple(read_descriptor(item, digest) for item in _list(document, "layers", digest))
    if config.media_type not in CONFIG_TYPES:
        raise Unsupported(f"manifest {digest} is no container image: its config has the type {config.media_type!r}")
    for layer in layers:
        if layer.media_type not in LAYER_TYPES:
            raise Unsupported(f"manifest {digest} has a layer of the unknown type {layer.media_type!r}")
    default = OCI_MANIFEST if config.media_type == OCI_CONFIG else DOCKER_MANIFEST
    media_type = document.get("mediaType", default)
    if media_type not in ACCEPTED:
        _corrupt(digest, f"says that it has the type {media_type!r}")
    return Manifest(
        raw=raw, digest=digest, media_type=media_type, config=config, layers=layers, index_digest=index_digest
    )


def read_document(raw: bytes) -> Document:
    """What *raw* is, and no more: what it refers to may be anything. Raises: CorruptData for what is neither a manifest
    nor an index."""
    digest = sha256_digest(raw)
    document = read_json(raw, digest)
    config = document.get("config")
    if "manifests" in document:
        default = OCI_INDEX
    elif isinstance(config, Mapping):
        default = DOCKER_MANIFEST if config.get("mediaType") == DOCKER_CONFIG else OCI_MANIFEST
    elif document.get("schemaVersion") == 1:
        default = DOCKER_SCHEMA1
    else:
        _corrupt(digest, "is neither a manifest nor an index")
    media_type = document.get("mediaType", default)
    if not isinstance(media_type, str):
        _corrupt(digest, f"says that it has the type {media_type!r}")
    return Document(raw=raw, digest=digest, media_type=media_type)


def read_json(raw: bytes, digest: str) -> dict[str, Any]:
    """The JSON object that *raw* holds. Raises: CorruptData, naming *digest*."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):  # RecursionError: nested deeper than anything honest
        _corrupt(digest, "is not JSON")
    if not isinstance(document, dict):
        _corrupt(digest, "is not a JSON object")
    return document


def read_descriptor(item: object, origin: str) -> Descriptor:
    """A descriptor found in the document *origin*. Raises: CorruptData."""
    if not isinstance(item, Mapping):
        _corrupt(origin, "lacks a descriptor where it must have one")
    media_type, digest, size = item.get("mediaType"), item.get("digest"), item.get("size")
    if not isinstance(media_type, str) or not media_type:
        _corrupt(origin, f"has a descriptor of media type {media_type!r}")
    if not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        _corrupt(origin, f"has a descriptor with the digest {digest!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
        _corrupt(origin, f"has a descriptor with the size {size!r}")
    return Descriptor(media_type=media_type, digest=digest, size=size, annotations=_texts(item.get("annotations")))


def _entry(item: object, origin: str) -> IndexEntry:
    descriptor = read_descriptor(item, origin)
    platform = item.get("platform") if isinstance(item, Mapping) else None
    if not isinstance(platform, Mapping):
        return IndexEntry(descriptor=descriptor, platform=None)
    words = _texts(platform)
    found = Platform(
        os=words.get("os", ""), architecture=words.get("architecture", ""), variant=words.get("variant", "")
    )
    return IndexEntry(descriptor=descriptor, platform=found)


def _texts(value: object) -> dict[str, str]:
    """The members of a JSON object that are strings; an optional part that is malformed is as good as not there."""
    if not isinstance(value, Mapping):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _list(document: Mapping[str, Any], key: str, digest: str) -> Sequence[object]:
    value = document.get(key)
    if not isinstance(value, list):
        _corrupt(digest, f"has no list {key!r}")
    return value


def _corrupt(digest: str, what: str) -> NoReturn:
    raise CorruptData(f"manifest {digest} {what}")
