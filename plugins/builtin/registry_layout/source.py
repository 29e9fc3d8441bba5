"""One image out of a layout directory or an archive."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, NoReturn

import trio

from ck.kernel.drivers.digest import sha256_digest, split_digest, verify
from ck.kernel.drivers.manifest import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    MAX_BYTES,
    IndexEntry,
    read_document,
    read_json,
    read_manifest,
)
from ck.kernel.drivers.platform import resolve
from ck.kernel.drivers.registry import Descriptor, Document, Manifest, Platform
from ck.kernel.errors import CorruptData, NotFound
from ck.plugins.builtin.registry_layout._archive import ArchivedImage, choose, read_archive
from ck.plugins.builtin.registry_layout._reference import ONLY, PLACE, LayoutReference, Transport
from ck.plugins.builtin.registry_layout.files import BLOCK, GZIP_MAGIC, Extent, Files

REF_NAME: Final = "org.opencontainers.image.ref.name"
TAR: Final = "application/vnd.docker.image.rootfs.diff.tar"


class LayoutSource:
    """See ck.kernel.drivers.registry.ImageSource."""

    def __init__(self, reference: LayoutReference, files: Files) -> None:
        self.name = str(reference)
        self._reference, self._files = reference, files
        self._extents: dict[str, Extent] = {}  # of an archive's blobs, by digest

    async def manifest(self, platform: Platform) -> Manifest:
        if self._is_archive():
            return await trio.to_thread.run_sync(self._archived)
        return await resolve(await trio.to_thread.run_sync(self._entry_point), platform, self.name, self._document)

    async def document(self) -> Document:
        if self._is_archive():
            return await trio.to_thread.run_sync(self._archived)
        return read_document(await trio.to_thread.run_sync(self._entry_point))

    async def tags(self) -> Sequence[str]:
        """None: a layout is a place, and names its images one by one."""
        return ()

    @asynccontextmanager
    async def blob(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        extent = self._extents.get(descriptor.digest)
        if extent is None:
            extent = await trio.to_thread.run_sync(self._files.open, _blob_name(descriptor.digest))
        if extent.size != descriptor.size:
            raise CorruptData(f"blob {descriptor.digest} has {extent.size} bytes, its manifest says {descriptor.size}")
        async with aclosing(_read(extent, offset)) as chunks:
            yield chunks

    def _is_archive(self) -> bool:
        # An archive of today's docker holds an OCI layout too, but only manifest.json has the images' names.
        return self._reference.transport is Transport.DOCKER_ARCHIVE and self._files.has("manifest.json")

    # OCI layout (image-spec, image-layout.md)

    def _entry_point(self) -> bytes:
        """The document that the reference names: a manifest or an index."""
        layout = read_json(self._small("oci-layout"), "oci-layout")
        if layout.get("imageLayoutVersion") != "1.0.0":
            raise CorruptData(f"{self.name}: unknown layout version {layout.get('imageLayoutVersion')!r}")
        index = read_index(self._files)
        if self._reference.image.startswith(PLACE):
            return self._checked(self._reference.image.removeprefix(PLACE))
        named = [e.descriptor for e in index if e.descriptor.annotations.get(REF_NAME) == self._reference.image]
        if not named and self._reference.image == ONLY and len(index) == 1:
            named = [index[0].descriptor]
        if not named:
            tags = ", ".join(filter(None, (e.descriptor.annotations.get(REF_NAME) for e in index)))
            raise NotFound(f"{self.name} not found; the layout holds {tags or 'no tags'}")
        return self._checked(named[0].digest)

    async def _document(self, digest: str) -> bytes:
        return await trio.to_thread.run_sync(self._checked, digest)

    def _checked(self, digest: str) -> bytes:
        content = self._small(_blob_name(digest))
        if not verify(content, digest):
            raise CorruptData(f"{self.name}: the blob {digest} does not have the bytes that its digest names")
        return content

    # docker save

    def _archived(self) -> Manifest:
        """A manifest for the image, which the archive itself does not have."""
        image = choose(read_archive(self._small("manifest.json")), self._reference.image)
        config = self._small(image.config)
        diff_ids = _diff_ids(config, image)
        layers = [self._layer(name, diff_id) for name, diff_id in zip(image.layers, diff_ids, strict=True)]
        config_digest = sha256_digest(config)
        self._extents[config_digest] = self._files.open(image.config)
        document = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, "digest": config_digest, "size": len(config)},
            "layers": layers,
        }
        raw = json.dumps(document, separators=(",", ":")).encode()
        manifest = read_manifest(raw, digest=sha256_digest(raw))
        assert isinstance(manifest, Manifest)
        return manifest

    def _layer(self, name: str, diff_id: str) -> Mapping[str, Any]:
        extent = self._files.open(name)
        compressed = extent.read(0, len(GZIP_MAGIC)) == GZIP_MAGIC
        # A plain layer is its own diff ID, which is checked when it is unpacked.
        digest = _digest(extent) if compressed else diff_id
        self._extents[digest] = extent
        return {"mediaType": f"{TAR}.gzip" if compressed else TAR, "digest": digest, "size": extent.size}

    def _small(self, name: str) -> bytes:
        return read_small(self._files, name)


def read_index(files: Files) -> tuple[IndexEntry, ...]:
    """What an OCI layout holds. Raises: CorruptData, NotFound where it is none."""
    index = read_manifest(read_small(files, "index.json"), digest="index.json")
    if isinstance(index, Manifest):
        raise CorruptData("index.json is no index")
    return index


def read_small(files: Files, name: str) -> bytes:
    """A document, whole. Raises: CorruptData, NotFound."""
    extent = files.open(name)
    if extent.size > MAX_BYTES:
        raise CorruptData(f"{name} is longer than {MAX_BYTES} bytes")
    return extent.read(0, extent.size)


def _diff_ids(config: bytes, image: ArchivedImage) -> list[str]:
    rootfs = read_json(config, image.config).get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(isinstance(diff_id, str) for diff_id in diff_ids):
        raise CorruptData(f"{image.config} has no list of diff IDs")
    if len(diff_ids) != len(image.layers):
        raise CorruptData(f"{image.config} has {len(diff_ids)} diff IDs for {len(image.layers)} layers")
    return diff_ids


def _blob_name(digest: str) -> str:
    return "blobs/{}/{}".format(*split_digest(digest))


def _digest(extent: Extent) -> str:
    hashed = hashlib.sha256()
    for offset in range(0, extent.size, BLOCK):
        hashed.update(extent.read(offset, BLOCK))
    return f"sha256:{hashed.hexdigest()}"


async def _read(extent: Extent, offset: int) -> AsyncGenerator[bytes, None]:
    while offset < extent.size:
        chunk = await trio.to_thread.run_sync(extent.read, offset, BLOCK)
        if not chunk:
            _cut()
        offset += len(chunk)
        yield chunk


def _cut() -> NoReturn:
    raise CorruptData("the file became shorter while it was read")
