"""What `save` writes beside blobs: Docker's archive and an OCI layout in one, as Docker does since 25. Pure.

Formats: OCI image-spec, image-layout.md; Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset
Format".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ck.kernel.drivers.manifest import OCI_INDEX
from ck.kernel.drivers.registry import Descriptor, Manifest
from ck.kernel.engine.image_manifest import descriptor_json

REF_NAME: Final = "org.opencontainers.image.ref.name"
IMAGE_NAME: Final = "io.containerd.image.name"


@attrs.frozen(kw_only=True)
class SavedName:
    """`full` is normalized ("docker.io/library/ubuntu:20.04"), `short` as people write it ("ubuntu:20.04")."""

    full: str
    short: str


@attrs.frozen(kw_only=True)
class SavedImage:
    """An image of the archive, under all names that it is to have when it is loaded."""

    manifest: Manifest
    names: tuple[SavedName, ...]


def blob_name(digest: str) -> str:
    """The path of a blob in the archive."""
    algorithm, _, digits = digest.partition(":")
    return f"blobs/{algorithm}/{digits}"


def documents(images: Sequence[SavedImage]) -> Mapping[str, bytes]:
    """The files of the archive that are no blobs, by name."""
    return {
        "index.json": _encode(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [descriptor_json(each) for image in images for each in _entries(image)],
            }
        ),
        "manifest.json": _encode([_docker_entry(image) for image in images]),
        "oci-layout": _encode({"imageLayoutVersion": "1.0.0"}),
    }


def _entries(image: SavedImage) -> list[Descriptor]:
    manifest = image.manifest
    bare = Descriptor(media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.raw))
    named = [
        attrs.evolve(bare, annotations={IMAGE_NAME: name.full, REF_NAME: name.full.rpartition(":")[2]})
        for name in image.names
    ]
    return named or [bare]


def _docker_entry(image: SavedImage) -> dict[str, Any]:
    return {
        "Config": blob_name(image.manifest.config.digest),
        "RepoTags": [name.short for name in image.names] or None,
        "Layers": [blob_name(layer.digest) for layer in image.manifest.layers],
    }


def _encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
