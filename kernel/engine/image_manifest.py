"""Manifests of images that leave. Pure."""

import json
from collections.abc import Sequence
from typing import Any, Final

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST
from ck.kernel.drivers.registry import Descriptor, Manifest
from ck.kernel.engine.layer_blob import Form, LayerBlob

_OCI: Final = "application/vnd.oci.image.layer.v1."
_DOCKER: Final = "application/vnd.docker.image.rootfs.diff."
_FORMS: Final = {
    **{f"{_OCI}{form}": form for form in Form},
    **{f"{_DOCKER}{form.replace('+', '.')}": form for form in Form},
}


def describe(blob: LayerBlob) -> Descriptor:
    """The layer as an OCI manifest names it."""
    return Descriptor(media_type=f"{_OCI}{blob.form}", digest=blob.digest, size=blob.size)


def new_manifest(config: bytes, layers: Sequence[Descriptor], *, docker: bool = True) -> Manifest:
    """A manifest of the image whose config is *config*: Docker's schema 2 if *docker*, unless a layer has a form which
    that does not know (zstd), else OCI's. The same image gives the same bytes."""
    forms = [_FORMS[layer.media_type] for layer in layers]
    docker = docker and Form.ZSTD not in forms
    described = Descriptor(
        media_type=DOCKER_CONFIG if docker else OCI_CONFIG, digest=sha256_digest(config), size=len(config)
    )
    named = tuple(
        Descriptor(
            media_type=f"{_DOCKER}{form.replace('+', '.')}" if docker else f"{_OCI}{form}",
            digest=layer.digest,
            size=layer.size,
        )
        for layer, form in zip(layers, forms, strict=True)
    )
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor_json(described),
        "layers": [descriptor_json(layer) for layer in named],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(raw=raw, digest=sha256_digest(raw), media_type=media_type, config=described, layers=named)


def descriptor_json(descriptor: Descriptor) -> dict[str, Any]:
    """As it stands in a document."""
    fields = {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}
    return fields | ({"annotations": dict(descriptor.annotations)} if descriptor.annotations else {})
