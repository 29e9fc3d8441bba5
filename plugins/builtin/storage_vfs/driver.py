"""Every layer is a full tree: a copy of its parent with the layer applied. A container's root is a copy of its image.

Slow and large where the file system has no reflinks, but it asks nothing of the kernel. `changes` and `usage` compare
the copy with the image, so that they mean the same as those of an overlay.
"""

import dataclasses
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import trio

from ck.kernel.archive.compare import Changed, compare_trees
from ck.kernel.archive.copy import copy_tree
from ck.kernel.archive.diff import pack_changes
from ck.kernel.archive.extract import extract
from ck.kernel.archive.layers import CopiedTree
from ck.kernel.archive.shelf import LayerRecord, RootRecord, Shelf
from ck.kernel.archive.stage import opened
from ck.kernel.drivers.shelved_storage import ShelvedStorage
from ck.kernel.drivers.storage import Change, ChangeKind, Layer, LayerUsage, RootMount

DIFF: Final = "diff"  # in a layer's directory: its content


class VfsStorage(ShelvedStorage):
    """The storage driver "vfs"."""

    name = "vfs"

    def __init__(self, *, sync: bool) -> None:
        self._sync = sync
        self._shelf = Shelf(Path(), sync=sync)

    async def open(self, root: Path) -> None:
        self._shelf = Shelf(root, sync=self._sync)
        await trio.to_thread.run_sync(self._open)

    def _open(self) -> None:
        self._shelf.open()
        (self._shelf.root / "empty").mkdir(mode=0o755, exist_ok=True)

    async def apply(
        self, layer: Layer, tar: BinaryIO, parent_stored: Callable[[], Awaitable[None]] | None = None
    ) -> LayerUsage:
        if parent_stored is not None:
            await parent_stored()
        return await trio.to_thread.run_sync(self._apply, layer, tar)

    def _apply(self, layer: Layer, tar: BinaryIO) -> LayerUsage:
        if not self._shelf.has_layer(layer.chain_id):
            record = LayerRecord(chain_id=layer.chain_id, diff_id=layer.diff_id, parent=layer.parent)
            self._shelf.add_layer(partial(self._unpack, record, tar))
        return LayerUsage(size=self._shelf.layer(layer.chain_id).size)

    def _unpack(self, record: LayerRecord, tar: BinaryIO, directory: Path) -> LayerRecord:
        (directory / DIFF).mkdir()
        with opened(directory / DIFF) as root:
            self._copy(record.parent, root)
            extracted = extract(tar, root, tree=CopiedTree(root))
        return dataclasses.replace(record, size=extracted.size)

    async def create(self, container_id: str, parent: str | None) -> None:
        record = RootRecord(parent=parent)
        await trio.to_thread.run_sync(self._shelf.add_container, container_id, record, partial(self._fill, parent))

    def _fill(self, parent: str | None, directory: Path) -> None:
        (directory / "root").mkdir(mode=0o755)
        with opened(directory / "root") as root:
            self._copy(parent, root)

    async def mounts(self, container_id: str, *, discard: bool = False) -> Sequence[RootMount]:
        directory = await trio.to_thread.run_sync(self._shelf.container, container_id)
        return (RootMount(type="bind", source=str(directory / "root")),)

    async def changes(self, container_id: str) -> Sequence[Change]:
        return await trio.to_thread.run_sync(self._changes, container_id)

    def _changes(self, container_id: str) -> Sequence[Change]:
        found = self._compare(container_id)
        return sorted(Change("/" + os.fsdecode(c.path), ChangeKind(c.difference.value)) for c in found)

    async def diff(self, container_id: str, sink: BinaryIO) -> None:
        await trio.to_thread.run_sync(self._diff, container_id, sink)

    def _diff(self, container_id: str, sink: BinaryIO) -> None:
        for chunk in pack_changes(self._compare(container_id)):
            sink.write(chunk)

    async def usage(self, container_id: str) -> int:
        return await trio.to_thread.run_sync(self._usage, container_id)

    def _usage(self, container_id: str) -> int:
        return sum(changed.size for changed in self._compare(container_id))

    def _copy(self, parent: str | None, root: int) -> None:
        """Fill the empty directory *root* with what the layer *parent* has. Raises: NotFound."""
        os.fchmod(root, 0o755)
        if parent is not None:
            self._shelf.layer(parent)
            with opened(self._shelf.layer_directory(parent) / DIFF) as source:
                copy_tree(source, root)

    def _compare(self, container_id: str) -> Iterator[Changed]:
        parent = self._shelf.root_record(container_id).parent
        old = self._shelf.root / "empty" if parent is None else self._shelf.layer_directory(parent) / DIFF
        with opened(old) as before, opened(self._shelf.container(container_id) / "root") as after:
            yield from compare_trees(before, after)
