"""Manifests of images that leave: the one that an image came with where that still fits, else a new one. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST
from ck.kernel.drivers.registry import Descriptor, Manifest
from ck.kernel.engine.layer_blob import Form, LayerBlob

_DOCKER_LAYERS = {
    Form.TAR: "application/vnd.docker.image.rootfs.diff.tar",
    Form.GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


def fits(manifest: Manifest, config: str, blobs: Sequence[LayerBlob]) -> bool:
    """Whether *manifest* says what is here: the digest of the *config*, and *blobs* as its layers."""
    return manifest.config.digest == config and [layer.digest for layer in manifest.layers] == [
        blob.digest for blob in blobs
    ]


def new_manifest(config: bytes, blobs: Sequence[LayerBlob], *, docker: bool) -> Manifest:
    """A manifest of the image whose config is *config*: Docker's schema 2 if *docker*, which cannot have zstd, or else
    OCI's. The same image gives the same bytes."""
    docker = docker and all(blob.form in _DOCKER_LAYERS for blob in blobs)
    described = Descriptor(
        media_type=DOCKER_CONFIG if docker else OCI_CONFIG, digest=sha256_digest(config), size=len(config)
    )
    layers = tuple(
        Descriptor(
            media_type=_DOCKER_LAYERS[blob.form] if docker else f"application/vnd.oci.image.layer.v1.{blob.form}",
            digest=blob.digest,
            size=blob.size,
        )
        for blob in blobs
    )
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor_json(described),
        "layers": [descriptor_json(layer) for layer in layers],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(raw=raw, digest=sha256_digest(raw), media_type=media_type, config=described, layers=layers)


def descriptor_json(descriptor: Descriptor) -> dict[str, Any]:
    """As it stands in a document."""
    annotations = {"annotations": dict(descriptor.annotations)} if descriptor.annotations else {}
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
        **annotations,
    }
