"""Manifests and indexes of registries as the API shows them. Pure."""

import base64

from ck.kernel.api.image import NamedManifest
from ck.kernel.drivers.registry import Platform
from ck.plugins.builtin.docker_api._shapes.codec import Json


def distribution_json(found: NamedManifest) -> Json:
    """Docker's DistributionInspect."""
    return {"Descriptor": _descriptor(found), "Platforms": [platform_json(each) for each in found.platforms]}


def manifest_json(found: NamedManifest) -> Json:
    """The same with the document itself, and under which name it is at its registry."""
    return {"Ref": found.name, **distribution_json(found), "Raw": base64.b64encode(found.document.raw).decode()}


def platform_json(platform: Platform) -> Json:
    """As a descriptor has it (OCI image-spec, image-index.md)."""
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.architecture, "os": platform.os, **variant}


def _descriptor(found: NamedManifest) -> Json:
    document = found.document
    return {"mediaType": document.media_type, "digest": document.digest, "size": len(document.raw)}
