"""An image source in memory, whose blobs come in pieces and may break, wait or lie."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from ck.kernel.drivers.registry import Descriptor, Document, ImageSource, Manifest, Platform
from ck.kernel.errors import Unavailable


class BlobSource(ImageSource):
    """`fetched` are the bytes given out, by digest. *piece* is the size of chunks.

    A digest in `broken` fails after that many bytes, once; one in `gates` waits for the event after its first chunk.
    """

    name = "blobs"

    def __init__(self, blobs: Mapping[str, bytes], piece: int = 1000) -> None:
        self._blobs, self._piece = dict(blobs), piece
        self.fetched: dict[str, int] = {}
        self.opened: list[str] = []
        self.broken: dict[str, int] = {}
        self.gates: dict[str, trio.Event] = {}

    async def manifest(self, platform: Platform) -> Manifest:
        raise NotImplementedError("only blobs")

    async def document(self) -> Document:
        raise NotImplementedError("only blobs")

    async def tags(self) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def blob(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append(descriptor.digest)
        yield self._chunks(descriptor.digest, offset)

    async def _chunks(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        blob = self._blobs[digest]
        end = self.broken.pop(digest, None)
        for start in range(offset, len(blob), self._piece):
            await trio.lowlevel.checkpoint()
            if end is not None and start >= end:
                raise Unavailable("the connection broke")
            chunk = blob[start : start + self._piece]
            self.fetched[digest] = self.fetched.get(digest, 0) + len(chunk)
            yield chunk
            if digest in self.gates:
                await self.gates[digest].wait()
