"""Layers are kept as their archives, each in one file that is an image too; a container's root is an overlay on those.

    <root>/layers/<hex of the chain ID>/image    see _image.py
    <root>/mounts/<end of the hex>               see _mounts.py

What reads an image is the kernel: a layer is never unpacked, and is removed at once however many files it has.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import trio

from ck.kernel.archive.roots import LINK_DIGITS, OverlayRoots
from ck.kernel.archive.shelf import LayerRecord, Shelf
from ck.kernel.archive.stage import opened
from ck.kernel.drivers.shelved_storage import OverlayRootStorage
from ck.kernel.drivers.storage import Layer, LayerTar, LayerUsage, RootMount
from ck.kernel.errors import CorruptData, NotFound
from ck.plugins.builtin.storage_erofs._image import TAR_AT
from ck.plugins.builtin.storage_erofs._mounts import MOUNTS, LayerMounts
from ck.plugins.builtin.storage_erofs._probe import probe
from ck.plugins.builtin.storage_erofs._store import Received, complete, receive

IMAGE: Final = "image"  # in a layer's directory
RECEIVING: Final = 16  # archives that are read at the same time


class ErofsStorage(OverlayRootStorage):
    """The storage driver "erofs"."""

    name = "erofs"
    _lower = MOUNTS

    def __init__(self, *, sync: bool) -> None:
        self._sync = sync
        self._receiving = trio.CapacityLimiter(RECEIVING)
        self._use(Path())

    def _use(self, root: Path) -> None:
        self._shelf = Shelf(root, sync=self._sync, few_files=True)
        self._roots = OverlayRoots(self._shelf, self._opened_layers)
        self._mounted = LayerMounts(root)
        self._known: dict[str, LayerRecord] = {}  # by the name that the layer's mount has

    async def open(self, root: Path) -> None:
        self._use(root)
        await trio.to_thread.run_sync(self._open)

    def _open(self) -> None:
        self._shelf.open()
        self._roots.open()
        scratch = self._shelf.stage.begin()
        try:
            probe(scratch)
        finally:
            self._shelf.stage.discard(scratch)
        self._known = {record.link: record for record in map(self._shelf.layer, self._shelf.layers())}
        self._mounted.open(self._known.keys())

    async def apply(
        self, layer: Layer, tar: BinaryIO, parent_stored: Callable[[], Awaitable[None]] | None = None
    ) -> LayerUsage:
        if await self.has_layer(layer.chain_id):
            return await self.layer_usage(layer.chain_id)
        made = await trio.to_thread.run_sync(self._shelf.stage.begin)
        try:
            # With a limit of their own, as they may wait for a download, which needs a thread now and then to go on.
            received = await trio.to_thread.run_sync(receive, tar, made / IMAGE, limiter=self._receiving)
            if parent_stored is not None:
                await parent_stored()
            await trio.to_thread.run_sync(self._complete, layer, received, made)
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._shelf.stage.discard, made)
            raise
        return await self.layer_usage(layer.chain_id)

    def _complete(self, layer: Layer, received: Received, made: Path) -> None:
        digits = layer.chain_id.partition(":")[2]
        below = self._below(layer.parent)
        with ExitStack() as stack:
            stored = complete(
                made / IMAGE,
                received,
                # Of the chain ID, because one image may have the same archive in two places.
                uuid=bytes.fromhex(digits)[-16:],
                below=lambda: stack.enter_context(self._opened_layers(below)),
            )
        record = LayerRecord(
            chain_id=layer.chain_id,
            diff_id=layer.diff_id,
            parent=layer.parent,
            size=stored.size,
            # The same whenever the layer is fetched: what stands on it names it so.
            link=digits[-LINK_DIGITS:],
            below=below,
            tar=stored.tar,
            length=stored.length,
        )
        if not self._has_layer(layer.chain_id):
            self._remove_layer(layer.chain_id)  # what may be left of one that was damaged
            self._shelf.purge_layer(layer.chain_id)
        self._shelf.keep_layer(made, record)
        self._known[record.link] = record

    async def has_layer(self, chain_id: str) -> bool:
        return await trio.to_thread.run_sync(self._has_layer, chain_id)

    def _has_layer(self, chain_id: str) -> bool:
        return self._shelf.has_layer(chain_id) and self._is_whole(self._shelf.layer(chain_id))

    def _is_whole(self, record: LayerRecord) -> bool:
        try:
            return self._image(record).stat().st_size == record.length
        except FileNotFoundError:
            return False

    async def layers(self) -> Sequence[str]:
        return await trio.to_thread.run_sync(self._layers)

    def _layers(self) -> Sequence[str]:
        return [chain_id for chain_id in self._shelf.layers() if self._has_layer(chain_id)]

    async def layer_tar(self, chain_id: str) -> LayerTar | None:
        record = await trio.to_thread.run_sync(self._shelf.layer, chain_id)
        return LayerTar(path=self._image(record), offset=TAR_AT, size=record.tar)

    async def remove_layer(self, chain_id: str) -> None:
        await trio.to_thread.run_sync(self._remove_layer, chain_id)

    def _remove_layer(self, chain_id: str) -> None:
        try:
            link = self._shelf.layer(chain_id).link
        except NotFound:
            return
        # The mount first: at the next start nothing would be known of a layer that it belongs to.
        self._mounted.remove(link)
        self._shelf.remove_layer(chain_id)
        self._known.pop(link, None)

    async def mounts(self, container_id: str, *, discard: bool = False) -> Sequence[RootMount]:
        return await trio.to_thread.run_sync(self._mounts, container_id, discard)

    def _mounts(self, container_id: str, discard: bool) -> Sequence[RootMount]:
        below = self._shelf.root_record(container_id).below
        for name in below:
            self._require(name)
        options = self._roots.options(container_id, discard=discard)
        beneath = (MOUNTS, *below) if below else ()
        cwd = str(self._shelf.root)
        return (RootMount(type="overlay", source="overlay", options=options, cwd=cwd, beneath=beneath),)

    async def describe(self) -> Sequence[tuple[str, str]]:
        return (
            *await super().describe(),
            ("Layers", "archives, mounted as EROFS"),
            ("Native Overlay Diff", "true"),
        )

    async def close(self) -> None:
        """Unmount the layers. Containers that run go on."""
        await trio.to_thread.run_sync(self._mounted.close)

    def _image(self, record: LayerRecord) -> Path:
        return self._shelf.layer_directory(record.chain_id) / IMAGE

    def _require(self, name: str) -> None:
        link = name.rpartition("/")[2]
        record = self._known.get(link)
        if record is None:
            raise CorruptData(f"the layer {link} is missing, on which others or a container stand")
        self._mounted.require(link, self._image(record), record.length)

    @contextmanager
    def _opened_layers(self, names: Sequence[str]) -> Iterator[list[int]]:
        for name in names:
            if name.startswith(MOUNTS):
                self._require(name)
        with ExitStack() as stack:
            yield [stack.enter_context(opened(self._shelf.root / name)) for name in names]
