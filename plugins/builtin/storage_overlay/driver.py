"""Layers are directories that the kernel merges; a container's root is one more on top.

Beside the shelf's directories there is `l/`, which holds a short link to each layer: mount(2) takes one page of
options, into which the names of 128 layers fit only so.
"""

import dataclasses
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import trio

from ck.kernel.archive.extract import extract
from ck.kernel.archive.layers import OverlayLayer
from ck.kernel.archive.nodes import copy_attributes
from ck.kernel.archive.roots import LINK_DIGITS, OverlayRoots
from ck.kernel.archive.shelf import LayerRecord, Shelf
from ck.kernel.archive.stage import opened
from ck.kernel.drivers.shelved_storage import OverlayRootStorage
from ck.kernel.drivers.storage import Layer, LayerUsage, RootMount
from ck.plugins.builtin.storage_overlay._probe import probe

LINKS: Final = "l"
DIFF: Final = "diff"  # in a layer's directory: its content


class OverlayStorage(OverlayRootStorage):
    """The storage driver "overlay"."""

    name = "overlay"
    _lower = LINKS

    def __init__(self, *, sync: bool) -> None:
        self._sync = sync
        self._use(Path())

    def _use(self, root: Path) -> None:
        self._shelf = Shelf(root, sync=self._sync)
        self._roots = OverlayRoots(self._shelf, self._opened_layers)

    async def open(self, root: Path) -> None:
        self._use(root)
        await trio.to_thread.run_sync(self._open)

    def _open(self) -> None:
        self._shelf.open()
        self._roots.open()
        (self._shelf.root / LINKS).mkdir(mode=0o755, exist_ok=True)
        scratch = self._shelf.stage.begin()
        try:
            probe(scratch)
        finally:
            self._shelf.stage.discard(scratch)
        self._mend_links()

    def _mend_links(self) -> None:
        """A crash may leave a link whose layer never came to be, or, after a power cut, a layer without its link."""
        links = self._shelf.root / LINKS
        known = {record.link: record for record in map(self._shelf.layer, self._shelf.layers())}
        present = {path.name for path in links.iterdir()}
        for name in present - known.keys():
            (links / name).unlink()
        for name in known.keys() - present:
            self._link(name, known[name].chain_id)

    async def apply(
        self, layer: Layer, tar: BinaryIO, parent_stored: Callable[[], Awaitable[None]] | None = None
    ) -> LayerUsage:
        if parent_stored is not None:
            await parent_stored()
        return await trio.to_thread.run_sync(self._apply, layer, tar)

    def _apply(self, layer: Layer, tar: BinaryIO) -> LayerUsage:
        if not self._shelf.has_layer(layer.chain_id):
            record = LayerRecord(
                chain_id=layer.chain_id,
                diff_id=layer.diff_id,
                parent=layer.parent,
                # The same whenever the layer is fetched: what stands on it names it so.
                link=layer.chain_id.partition(":")[2][-LINK_DIGITS:],
                below=self._below(layer.parent),
            )
            self._shelf.add_layer(partial(self._unpack, record, tar))
        return LayerUsage(size=self._shelf.layer(layer.chain_id).size)

    def _unpack(self, record: LayerRecord, tar: BinaryIO, directory: Path) -> LayerRecord:
        (directory / DIFF).mkdir()
        with opened(directory / DIFF) as root, self._opened_layers(record.below) as below:
            os.fchmod(root, 0o755)
            if below:
                copy_attributes(below[0], root)
            extracted = extract(tar, root, tree=OverlayLayer(root, below))
        self._link(record.link, record.chain_id)
        return dataclasses.replace(record, size=extracted.size)

    async def remove_layer(self, chain_id: str) -> None:
        await trio.to_thread.run_sync(self._remove_layer, chain_id)

    def _remove_layer(self, chain_id: str) -> None:
        if self._shelf.has_layer(chain_id):
            # The layer first: a link that leads nowhere is mended at the next start, a layer without one is unusable.
            link = self._shelf.layer(chain_id).link
            self._shelf.remove_layer(chain_id)
            (self._shelf.root / LINKS / link).unlink(missing_ok=True)

    async def mounts(self, container_id: str, *, discard: bool = False) -> Sequence[RootMount]:
        options = await trio.to_thread.run_sync(partial(self._roots.options, container_id, discard=discard))
        return (RootMount(type="overlay", source="overlay", options=options, cwd=str(self._shelf.root)),)

    async def describe(self) -> Sequence[tuple[str, str]]:
        return (
            *await super().describe(),
            ("Supports d_type", "true"),
            ("Using metacopy", "false"),
            ("Native Overlay Diff", "true"),
            ("userxattr", "false"),
        )

    def _link(self, link: str, chain_id: str) -> None:
        target = Path("..") / self._shelf.layer_directory(chain_id).relative_to(self._shelf.root) / DIFF
        path = self._shelf.root / LINKS / link
        if path.is_symlink() and path.readlink() == Path(target):
            return  # of the same layer, which is made anew, or by somebody else at the same time
        path.symlink_to(target)

    @contextmanager
    def _opened_layers(self, links: Sequence[str]) -> Iterator[list[int]]:
        with ExitStack() as stack:
            yield [stack.enter_context(opened((self._shelf.root / link).resolve(strict=True))) for link in links]
