"""One layer on its way to a registry."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

import trio

from ck.kernel.api.image import Progress
from ck.kernel.drivers.content import Draft
from ck.kernel.drivers.registry import Descriptor, ImageSink
from ck.kernel.engine.context import Context
from ck.kernel.engine.deflate import compressor
from ck.kernel.engine.image_layer import sink_of
from ck.kernel.engine.image_manifest import describe
from ck.kernel.engine.image_origins import Origins
from ck.kernel.engine.layer_blob import CHUNK, Form, LayerBlob, read_blob
from ck.kernel.engine.progress import Tell

REPORT_SECONDS: Final = 0.1
_DIGITS: Final = 12  # of a layer, as progress shows it
_MOUNTS: Final = 3  # repositories that are asked for a blob before it is sent, as Docker does


class LayerPush:
    """Has the layer *diff_id*, whose bytes are *blob*, at the *repository* that *sink* sends to."""

    def __init__(
        self, ctx: Context, tell: Tell, sink: ImageSink, repository: str, diff_id: str, blob: LayerBlob
    ) -> None:
        self._ctx, self._tell, self._sink = ctx, tell, sink
        self._repository, self._blob = repository, blob
        self._id = diff_id.partition(":")[2][:_DIGITS]
        self._diff_id = diff_id
        self._shown_at = -REPORT_SECONDS

    async def run(self, origins: Origins) -> Descriptor:
        """Return as what blob the layer is there now. Raises: what the sink raises, Unavailable for a full disk."""
        await self._say("Preparing")
        known = {each.digest: each for each in origins.blobs.get(self._diff_id, ())}
        if self._blob.form is not Form.TAR:
            known.setdefault(self._blob.digest, describe(self._blob))
        for descriptor in known.values():
            if await self._is_there(descriptor, origins):
                return descriptor
        if self._blob.form is not Form.TAR:
            return await self._send(self._blob)
        await self._say("Compressing")
        draft = await self._ctx.content.draft()
        try:
            await trio.to_thread.run_sync(_compress, self._blob, draft)
            info = await draft.finish()
            return await self._send(LayerBlob(digest=info.digest, size=info.size, form=Form.GZIP, path=draft.path))
        finally:
            with trio.CancelScope(shield=True):  # short: one file is unlinked
                await draft.discard()

    async def _is_there(self, descriptor: Descriptor, origins: Origins) -> bool:
        if await self._sink.has(descriptor.digest):
            await self._say("Layer already exists")
            return True
        host = self._repository.partition("/")[0]
        others = [
            each
            for each in origins.repositories.get(descriptor.digest, ())
            if each.startswith(f"{host}/") and each != self._repository
        ]
        for other in others[:_MOUNTS]:
            if await self._sink.mount(descriptor.digest, other):
                await self._say(f"Mounted from {other.partition('/')[2]}")
                return True
        return False

    async def _send(self, blob: LayerBlob) -> Descriptor:
        descriptor = describe(blob)
        if await self._sink.has(descriptor.digest):  # of an earlier push, which nothing here remembers
            await self._say("Layer already exists")
            return descriptor

        @asynccontextmanager
        async def read(offset: int) -> AsyncIterator[AsyncIterator[bytes]]:
            async with aclosing(read_blob(blob, offset)) as chunks:
                yield chunks

        await self._sink.upload(descriptor, read, self._show)
        await self._say("Pushed")
        return descriptor

    async def _say(self, status: str) -> None:
        await self._tell.send(Progress(status=status, id=self._id))

    def _show(self, sent: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= REPORT_SECONDS:
            self._shown_at = now
            try:
                self._tell.send_nowait(Progress(status="Pushing", id=self._id, current=sent, total=self._blob.size))
            except (trio.WouldBlock, trio.BrokenResourceError):
                return  # a slow reader misses steps of the bars, never holds up the push


def _compress(blob: LayerBlob, draft: Draft) -> None:
    sink, packer = sink_of(draft), compressor()
    left = blob.size
    with blob.path.open("rb", buffering=0) as file:
        file.seek(blob.offset)
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            sink.write(packer.compress(chunk))
    sink.write(packer.flush())
