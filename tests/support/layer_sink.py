"""A storage driver in memory: keeps the tar of each layer whole. As much of one as fetching a layer needs."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, cast

import trio

from ck.kernel.drivers.storage import Layer, LayerTar, LayerUsage, StorageDriver
from ck.kernel.errors import NotFound


class LayerSink:
    """With `late` it looks below when it has read a layer, else before. `applied` counts the streams that were begun;
    `reading` is set when the first is. With `keeps` it says that the tars can be had from it."""

    name = "sink"
    late = False

    def __init__(self, block: int = 1 << 20) -> None:
        self.tars: dict[str, bytes] = {}
        self.applied = 0
        self.reading = threading.Event()
        self.keeps = False
        self._block = block

    @property
    def driver(self) -> StorageDriver:
        """As what stores layers; the rest of the protocol is not there."""
        return cast(StorageDriver, self)

    async def apply(
        self, layer: Layer, tar: BinaryIO, parent_stored: Callable[[], Awaitable[None]] | None = None
    ) -> LayerUsage:
        content = await self._content(tar) if self.late else b""
        if parent_stored is not None:
            await parent_stored()
        if layer.parent is not None and layer.parent not in self.tars:
            raise NotFound(f"no such layer: {layer.parent}")
        content = content if self.late else await self._content(tar)
        self.tars[layer.chain_id] = content
        return LayerUsage(size=len(content))

    async def layer_tar(self, chain_id: str) -> LayerTar | None:
        return LayerTar(path=Path(chain_id), offset=0, size=len(self.tars[chain_id])) if self.keeps else None

    async def _content(self, tar: BinaryIO) -> bytes:
        self.applied += 1
        return await trio.to_thread.run_sync(self._read, tar)

    def _read(self, tar: BinaryIO) -> bytes:
        self.reading.set()
        parts = []
        while block := tar.read(self._block):
            parts.append(block)
        return b"".join(parts)

    async def has_layer(self, chain_id: str) -> bool:
        return chain_id in self.tars

    async def layer_usage(self, chain_id: str) -> LayerUsage:
        return LayerUsage(size=len(self.tars[chain_id]))
