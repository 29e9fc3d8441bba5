"""Manifests and indexes, honest and hostile."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import DOCKER_MANIFEST, OCI_MANIFEST, IndexEntry, read_document, read_manifest
from ck.kernel.drivers.registry import Descriptor, Manifest
from ck.kernel.errors import CorruptData, Unsupported

D = "sha256:" + "0" * 64
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def read(document: object) -> Manifest | tuple[IndexEntry, ...]:
    raw = json.dumps(document).encode()
    return read_manifest(raw, digest=sha256_digest(raw))


def descriptor(media_type: str, **more: object) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": D, "size": 3, **more}


def manifest(**more: object) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": descriptor(OCI_CONFIG), "layers": [descriptor(LAYER)], **more}


def test_manifest() -> None:
    found = read(manifest(annotations={"a": "b"}))
    assert isinstance(found, Manifest)
    assert found.media_type == OCI_MANIFEST
    assert found.layers == (Descriptor(media_type=LAYER, digest=D, size=3),)


def test_schema_2() -> None:
    config = descriptor("application/vnd.docker.container.image.v1+json")
    found = read(manifest(config=config, mediaType=DOCKER_MANIFEST))
    assert isinstance(found, Manifest)
    assert found.media_type == DOCKER_MANIFEST


def test_index() -> None:
    entries = [
        descriptor(OCI_MANIFEST, platform={"os": "linux", "architecture": "arm", "variant": "v7"}),
        descriptor(OCI_MANIFEST, annotations={"x": "y", "z": 1}),
    ]
    found = read({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    assert isinstance(found, tuple)
    assert found[0].platform is not None
    assert found[0].platform.variant == "v7"
    assert found[1].platform is None
    assert found[1].descriptor.annotations == {"x": "y"}


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, Unsupported, "schema 1"),
        (manifest(schemaVersion=3), CorruptData, "schema version 3"),
        (manifest(manifests=[]), CorruptData, "both"),
        (manifest(layers=None), CorruptData, "no list 'layers'"),
        (manifest(config=None), CorruptData, "lacks a descriptor"),
        (manifest(config=descriptor("application/vnd.cncf.helm.config.v1+json")), Unsupported, "no container image"),
        (manifest(layers=[descriptor("text/plain")]), Unsupported, "'text/plain'"),
        (manifest(layers=[descriptor(LAYER, size=-1)]), CorruptData, "size -1"),
        (manifest(layers=[descriptor(LAYER, size=True)]), CorruptData, "size True"),
        (manifest(layers=[descriptor(LAYER, size=1 << 70)]), CorruptData, "size"),
        (manifest(layers=[descriptor(LAYER, digest="sha256:../x")]), CorruptData, "sha256:../x"),
        (manifest(mediaType="text/plain"), CorruptData, "'text/plain'"),
        ([], CorruptData, "not a JSON object"),
    ],
)
def test_refusals(document: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        read(document)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([D, LAYER, OCI_CONFIG]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["mediaType", "digest", "size", "platform", "os", "annotations"]), inner)
    ),
    max_leaves=8,
)
keys = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests"])


@settings(deadline=None)
@given(st.dictionaries(keys, json_values), st.booleans())
def test_hostile_documents(document: dict[str, Any], versioned: bool) -> None:
    if versioned:
        document["schemaVersion"] = 2
    try:
        read(document)
    except (CorruptData, Unsupported) as error:
        str(error).encode()


@settings(deadline=None)
@given(
    st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000, b'"\\ud800"', b"NaN"])
)
def test_hostile_bytes(raw: bytes) -> None:
    with pytest.raises((CorruptData, Unsupported)):
        read_manifest(raw, digest=sha256_digest(raw))


@settings(deadline=None)
@given(json_values)
def test_one_wrong_part_is_never_a_crash(value: object) -> None:
    for part in ("config", "layers", "mediaType", "schemaVersion"):
        try:
            read(manifest(**{part: value}))
        except (CorruptData, Unsupported) as error:
            str(error).encode()


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (manifest(), OCI_MANIFEST),
        (manifest(config=descriptor("application/vnd.docker.container.image.v1+json")), DOCKER_MANIFEST),
        (manifest(config=descriptor("application/vnd.cncf.helm.config.v1+json")), OCI_MANIFEST),
        ({"schemaVersion": 2, "manifests": []}, INDEX),
        ({"schemaVersion": 2, "mediaType": "x/y", "manifests": []}, "x/y"),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json"),
    ],
)
def test_a_document_is_read_for_its_type_alone(document: object, media_type: str) -> None:
    raw = json.dumps(document).encode()
    found = read_document(raw)
    assert (found.raw, found.digest, found.media_type) == (raw, sha256_digest(raw), media_type)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"config": 1}', b'{"manifests": [], "mediaType": 1}'])
def test_what_is_no_document(raw: bytes) -> None:
    with pytest.raises(CorruptData, match=sha256_digest(raw)):
        read_document(raw)
