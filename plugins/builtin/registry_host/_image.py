"""From the names of programs to an image: what is collected, put into a layer and described."""

import json
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Final

import attrs

from ck.kernel.drivers.registry import Descriptor, Manifest, Packing, Platform
from ck.plugins.builtin.registry_host import _etc, _layer, _ldcache
from ck.plugins.builtin.registry_host._collect import Collector
from ck.plugins.builtin.registry_host._elf import Elf
from ck.plugins.builtin.registry_host._host import FileKey, Host

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EPOCH: Final = "1970-01-01T00:00:00Z"  # a time of making would make every image another one


@attrs.frozen(kw_only=True)
class HostImage:
    """An image, its layer not yet made: `layer()` streams it again each time it is called."""

    manifest: Manifest
    config: bytes
    host: Host
    entries: Sequence[_layer.Entry]

    def layer(self) -> Iterator[bytes]:
        return _layer.stream(self.host, self.entries)


class Builder:
    """Makes images, and remembers from one to the next what unchanged files need not be read for again."""

    def __init__(self, root: str, path: str) -> None:
        self._root = root
        self._path = tuple(part for part in path.split(":") if part)
        self._elfs: MutableMapping[FileKey, Elf | None] = {}
        self._digests: dict[tuple[_layer.Entry, ...], tuple[str, int]] = {}

    def build(self, packing: Packing, platform: Platform) -> HostImage:
        """Raises: NotFound (a program, a library of it, its interpreter), CorruptData (a broken file)."""
        host = Host(self._root)
        collector = Collector(host, self._path, self._elfs)
        for program in packing.programs:
            collector.program(program)
        for link in _etc.merged_links(host):
            collector.add(link)
        for path in _etc.host_files(host):
            collector.add_if_public(path)
        made_up = {"/etc/ld.so.cache": _ldcache.build(collector.cached)} if collector.cached else {}
        entries = tuple(_layer.entries(host, collector.paths, made_up))
        if entries not in self._digests:
            self._digests[entries] = _layer.digest(_layer.stream(host, entries))
        layer, size = self._digests[entries]
        config = image_config(packing, search_path(collector.programs), layer, platform)
        return HostImage(
            manifest=image_manifest(config, Descriptor(media_type=LAYER, digest=layer, size=size)),
            config=config,
            host=host,
            entries=entries,
        )


def search_path(directories: Sequence[str]) -> str:
    """$PATH of an image whose programs are in *directories*: the usual one, after what it lacks. Pure."""
    usual = DEFAULT_PATH.split(":")
    return ":".join([*(directory for directory in directories if directory not in usual), *usual])


def image_config(packing: Packing, path: str, diff_id: str, platform: Platform) -> bytes:
    """The config of an image of programs (OCI image-spec, config.md), with *path* for $PATH where *packing* has none.
    Pure."""
    env = {"PATH": path} | {name: value for name, _, value in (each.partition("=") for each in packing.env)}
    runs = {"Entrypoint": list(packing.entrypoint)} if packing.entrypoint else {"Cmd": [packing.programs[0]]}
    labels = {"Labels": dict(sorted(packing.labels.items()))} if packing.labels else {}
    word = "program" if len(packing.programs) == 1 else "programs"
    config = {
        "created": EPOCH,
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {"Env": [f"{name}={value}" for name, value in env.items()], **runs, **labels},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": EPOCH, "created_by": f"{word} {', '.join(packing.programs)} of this machine"}],
    }
    return json.dumps(config, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogateescape")


def image_manifest(config: bytes, layer: Descriptor) -> Manifest:
    """The manifest of one config and one layer (OCI image-spec, manifest.md). Pure."""
    digest, size = _layer.digest([config])
    described = Descriptor(media_type=CONFIG, digest=digest, size=size)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": described.media_type, "digest": described.digest, "size": described.size},
        "layers": [{"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return Manifest(raw=raw, digest=_layer.digest([raw])[0], media_type=MANIFEST, config=described, layers=(layer,))
