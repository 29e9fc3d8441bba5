"""Builds small OCI image layouts by hand: dict of files -> tar -> gzip, zstd or plain -> layout directory."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import zstandard

from ck.kernel.drivers.registry import Descriptor, Platform
from ck.kernel.drivers.storage import Layer

AMD64 = Platform(architecture="amd64")


@attrs.frozen(kw_only=True)
class BuiltLayer:
    """A layer: the tar, and the blob made of it."""

    tar: bytes
    blob: bytes
    media_type: str

    @property
    def diff_id(self) -> str:
        return digest_of(self.tar)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(media_type=self.media_type, digest=digest_of(self.blob), size=len(self.blob))


@attrs.frozen(kw_only=True)
class BuiltImage:
    """An image in a layout. `digest` is its manifest's."""

    layers: tuple[BuiltLayer, ...]
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def chain(layers: Sequence[BuiltLayer]) -> list[Layer]:
    """The layers in their places (OCI image-spec, config.md "Layer ChainID")."""
    placed: list[Layer] = []
    parent: str | None = None
    for layer in layers:
        chain_id = layer.diff_id if parent is None else digest_of(f"{parent} {layer.diff_id}".encode())
        placed.append(Layer(chain_id=chain_id, diff_id=layer.diff_id, parent=parent))
        parent = chain_id
    return placed


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A tar of regular files; names that end in "/" are directories."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.mode = 0o755
            if name.endswith("/"):
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def make_layer(content: Mapping[str, bytes] | bytes, compression: str = "gzip") -> BuiltLayer:
    """*content* is a dict of files or a ready tar; *compression* "gzip", "zstd" or ""."""
    tar = content if isinstance(content, bytes) else tar_of(content)
    blob = {
        "gzip": lambda: gzip.compress(tar, compresslevel=1, mtime=0),
        "zstd": lambda: zstandard.compress(tar, 1),
        "": lambda: tar,
    }[compression]()
    suffix = f"+{compression}" if compression else ""
    return BuiltLayer(tar=tar, blob=blob, media_type=f"application/vnd.oci.image.layer.v1.tar{suffix}")


class OciLayout:
    """A layout directory (OCI image-spec, image-layout.md)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "blobs" / "sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        self._entries: list[dict[str, Any]] = []
        self._save()

    def add_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        (self.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(content)
        return digest

    def add_image(
        self, tag: str | None, layers: Sequence[BuiltLayer], platform: Platform = AMD64, **config: object
    ) -> BuiltImage:
        """Add an image; with a *tag* it gets an entry in index.json, without it stands only in indexes."""
        text = {
            "architecture": platform.architecture,
            "os": platform.os,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created_by": f"layer {number}"} for number, _ in enumerate(layers)],
        }
        if platform.variant:
            text["variant"] = platform.variant
        packed = json.dumps(text).encode()
        for layer in layers:
            self.add_blob(layer.blob)
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": describe(packed, "application/vnd.oci.image.config.v1+json"),
            "layers": [describe(layer.blob, layer.media_type) for layer in layers],
        }
        self.add_blob(packed)
        image = BuiltImage(layers=tuple(layers), config=packed, manifest=json.dumps(manifest).encode())
        self.add_blob(image.manifest)
        if tag is not None:
            self._tag(tag, describe(image.manifest, manifest["mediaType"]))
        return image

    def add_index(self, tag: str, images: Mapping[Platform, BuiltImage]) -> str:
        """Add an index over images; return its digest."""
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                describe(image.manifest, "application/vnd.oci.image.manifest.v1+json")
                | {"platform": attrs.asdict(platform, filter=lambda _, value: bool(value))}
                for platform, image in images.items()
            ],
        }
        content = json.dumps(index).encode()
        self._tag(tag, describe(content, index["mediaType"]))
        return self.add_blob(content)

    def _tag(self, tag: str, descriptor: dict[str, Any]) -> None:
        self._entries.append(descriptor | {"annotations": {"org.opencontainers.image.ref.name": tag}})
        self._save()

    def _save(self) -> None:
        (self.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._entries}))


def describe(content: bytes, media_type: object) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
