"""Image layers and container roots on disk, each with a record, each there wholly or not at all.

    <root>/layers/<hex of the chain ID>/{record.json,...}
    <root>/containers/<ID>/{record.json,...}
    <root>/{tmp,trash}/            see stage.py

What else is in a layer's or a container's directory is the driver's business.

Every method blocks: call it from a worker thread.
"""

import ctypes
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ck.kernel.archive.directories import names_in
from ck.kernel.archive.stage import Stage, opened
from ck.kernel.archive.walk import tree_space
from ck.kernel.errors import InvalidArgument, NotFound
from ck.kernel.linux.libc import function

_CHAIN_ID: Final = re.compile(r"sha\d+:([0-9a-f]{32,128})")
_CONTAINER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_syncfs = function("syncfs", ctypes.c_int)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """What is known of a stored layer. `size` in bytes; `below` are the names by which a driver finds what it stands
    on, uppermost first, and `link` is the layer's own such name; both are the driver's business. So are the next two:
    the bytes of the archive that is kept of it, and of the file that holds it."""

    chain_id: str
    diff_id: str
    parent: str | None
    size: int = 0
    link: str = ""
    below: tuple[str, ...] = ()
    tar: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRecord:
    """What is known of a container's root."""

    parent: str | None
    below: tuple[str, ...] = ()


class Shelf:
    """Layers and roots below one directory."""

    def __init__(self, root: Path, *, sync: bool, few_files: bool = False) -> None:
        """With *sync*, a layer is on the disk before it counts as there, so that a power cut cannot damage an image
        that the engine has recorded. It costs one syncfs(2) a layer, or with *few_files* an fsync(2) of each file in
        the layer's directory, which spares others' data the flush; for containers nothing."""
        self.root = root
        self.stage = Stage(root)
        self._sync = sync
        self._flush = _flush_files if few_files else _syncfs
        self._layers = root / "layers"
        self._containers = root / "containers"

    def open(self) -> None:
        """Make what is missing, and delete what a crash has left half made or half removed."""
        for directory in (self._layers, self._containers):
            # For root alone: a user of the host who got in here would find every image's set-user-ID programs.
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stage.open()
        for path in self._layers.iterdir():
            if _read(path) is None:
                self.stage.discard(path)

    def layer_directory(self, chain_id: str) -> Path:
        """Where a layer is, if it is there."""
        return self._layer(chain_id)

    def layer(self, chain_id: str) -> LayerRecord:
        """Raises: NotFound."""
        fields = _read(self._layer(chain_id))
        if fields is None:
            raise NotFound(f"there is no layer {chain_id}")
        return LayerRecord(**{**fields, "below": tuple(fields["below"])})

    def layer_space(self, chain_id: str) -> int:
        """Bytes that a layer takes on the disk. Raises: NotFound."""
        try:
            with opened(self._layer(chain_id)) as fd:
                return tree_space(fd)
        except FileNotFoundError:
            raise NotFound(f"there is no layer {chain_id}") from None

    def has_layer(self, chain_id: str) -> bool:
        return _read(self._layer(chain_id)) is not None

    def layers(self) -> list[str]:
        """Chain IDs."""
        records = (_read(path) for path in sorted(self._layers.iterdir()))
        return [fields["chain_id"] for fields in records if fields]

    def add_layer(self, fill: Callable[[Path], LayerRecord]) -> None:
        """Make a layer: *fill* puts its content into the directory it is given and returns the record to keep.

        Whatever it raises, nothing of the layer stays. If somebody else was quicker, theirs is kept.
        """
        made = self.stage.begin()
        try:
            self.keep_layer(made, fill(made))
        except BaseException:
            self.stage.discard(made)
            raise

    def keep_layer(self, made: Path, record: LayerRecord) -> None:
        """Make a layer of the directory *made*, which `stage` has begun and its caller has filled."""
        _write(made, asdict(record))
        if self._sync:
            with opened(made) as fd:
                self._flush(fd)
        place = self._layer(record.chain_id)
        if place.exists() and _read(place) is None:
            self.stage.discard(place)  # damaged: what we have made is to take its place
        if self.stage.keep(made, place) and self._sync:
            with opened(self._layers) as fd:
                os.fsync(fd)

    def remove_layer(self, chain_id: str) -> None:
        """Take it away; it takes up its space until `purge_layer`."""
        self.stage.put_away(self._layer(chain_id))

    def purge_layer(self, chain_id: str) -> None:
        self.stage.purge(self._layer(chain_id).name)

    def container(self, container_id: str) -> Path:
        """The directory of a container. Raises: NotFound."""
        path = self._container(container_id)
        if not path.is_dir():
            raise NotFound(f"container {container_id} has no root here")
        return path

    def root_record(self, container_id: str) -> RootRecord:
        """Raises: NotFound."""
        fields = _read(self._container(container_id))
        if fields is None:
            raise NotFound(f"container {container_id} has no root here")
        return RootRecord(parent=fields["parent"], below=tuple(fields["below"]))

    def containers(self) -> list[str]:
        return sorted(path.name for path in self._containers.iterdir())

    def add_container(self, container_id: str, record: RootRecord, fill: Callable[[Path], None]) -> None:
        """Make the root of a container, as add_layer does; one that is there already stays as it is."""
        place = self._container(container_id)
        if place.is_dir():
            return
        made = self.stage.begin()
        try:
            fill(made)
            _write(made, asdict(record))
            self.stage.keep(made, place)
        except BaseException:
            self.stage.discard(made)
            raise

    def remove_container(self, container_id: str) -> None:
        """Take it away; it takes up its space until `purge_container`."""
        self.stage.put_away(self._container(container_id))

    def purge_container(self, container_id: str) -> None:
        self.stage.purge(self._container(container_id).name)

    def _layer(self, chain_id: str) -> Path:
        match = _CHAIN_ID.fullmatch(chain_id)
        if not match:
            raise InvalidArgument(f"{chain_id!r} is not a chain ID")
        return self._layers / match[1]

    def _container(self, container_id: str) -> Path:
        if not _CONTAINER_ID.fullmatch(container_id):
            raise InvalidArgument(f"{container_id!r} is not a container ID")
        return self._containers / container_id


def _flush_files(directory: int) -> None:
    for name in names_in(directory):
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    os.fsync(directory)


def _write(directory: Path, fields: dict[str, object]) -> None:
    (directory / "record.json").write_text(json.dumps(fields))


def _read(directory: Path) -> dict[str, Any] | None:
    """None where there is none, or a power cut has emptied it: what it described is not whole then."""
    try:
        fields: dict[str, Any] = json.loads((directory / "record.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return fields
