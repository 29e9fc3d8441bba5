"""What storage drivers have in common that keep layers and containers on a shelf, and those whose roots are overlays.

A driver inherits what only asks the shelf, and says itself how a layer is stored.
"""

import os
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

import trio

from ck.kernel.archive.roots import OverlayRoots
from ck.kernel.archive.shelf import RootRecord, Shelf
from ck.kernel.drivers.storage import Change, ChangeKind, LayerTar, LayerUsage
from ck.kernel.linux.mountinfo import file_system_of


class ShelvedStorage:
    """Part of a StorageDriver; `_shelf` is its own to set."""

    _shelf: Shelf

    async def has_layer(self, chain_id: str) -> bool:
        return await trio.to_thread.run_sync(self._shelf.has_layer, chain_id)

    async def layers(self) -> Sequence[str]:
        return await trio.to_thread.run_sync(self._shelf.layers)

    async def layer_usage(self, chain_id: str) -> LayerUsage:
        record = await trio.to_thread.run_sync(self._shelf.layer, chain_id)
        return LayerUsage(size=record.size)

    async def layer_disk(self, chain_id: str) -> int:
        return await trio.to_thread.run_sync(self._shelf.layer_space, chain_id)

    async def layer_tar(self, chain_id: str) -> LayerTar | None:
        """None: a layer is unpacked. Raises: NotFound."""
        await trio.to_thread.run_sync(self._shelf.layer, chain_id)
        return None

    async def remove_layer(self, chain_id: str) -> None:
        await trio.to_thread.run_sync(self._shelf.remove_layer, chain_id)

    async def purge_layer(self, chain_id: str) -> None:
        await trio.to_thread.run_sync(self._shelf.purge_layer, chain_id)

    async def containers(self) -> Sequence[str]:
        return await trio.to_thread.run_sync(self._shelf.containers)

    async def remove(self, container_id: str) -> None:
        await trio.to_thread.run_sync(self._shelf.remove_container, container_id)

    async def purge(self, container_id: str) -> None:
        await trio.to_thread.run_sync(self._shelf.purge_container, container_id)

    async def describe(self) -> Sequence[tuple[str, str]]:
        backing = await trio.to_thread.run_sync(file_system_of, self._shelf.root)
        return (("Backing Filesystem", "extfs" if backing.startswith("ext") else backing),)

    async def close(self) -> None:
        """Nothing is held."""


class OverlayRootStorage(ShelvedStorage):
    """The same where roots are overlays on the directories `_roots` knows. `_lower` is the directory below the driver's
    root that has a lower directory for each layer, by the layer's `link`."""

    _lower: ClassVar[str]
    _roots: OverlayRoots

    async def create(self, container_id: str, parent: str | None) -> None:
        await trio.to_thread.run_sync(self._create, container_id, parent)

    def _create(self, container_id: str, parent: str | None) -> None:
        self._roots.create(container_id, RootRecord(parent=parent, below=self._below(parent)))

    async def changes(self, container_id: str) -> Sequence[Change]:
        return await trio.to_thread.run_sync(self._changes, container_id)

    def _changes(self, container_id: str) -> Sequence[Change]:
        found = self._roots.changes(container_id)
        return sorted(Change("/" + os.fsdecode(each.path), ChangeKind(each.difference.value)) for each in found)

    async def diff(self, container_id: str, sink: BinaryIO) -> None:
        await trio.to_thread.run_sync(self._roots.diff, container_id, sink)

    async def usage(self, container_id: str) -> int:
        return await trio.to_thread.run_sync(self._roots.usage, container_id)

    def _below(self, parent: str | None) -> tuple[str, ...]:
        """The lower directories of *parent* and of all that it stands on. Raises: NotFound."""
        if parent is None:
            return ()
        record = self._shelf.layer(parent)
        return (f"{self._lower}/{record.link}", *record.below)
