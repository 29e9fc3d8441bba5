"""Layers that are made here: by `commit`, `import` and the steps of a build."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

import attrs
import trio

from ck.kernel.drivers.content import Draft
from ck.kernel.drivers.storage import Layer, LayerUsage
from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_config import chain_id_of
from ck.kernel.errors import Unavailable

WriteTar = Callable[[BinaryIO], Awaitable[None]]
"""Writes the tar of a layer, in a worker thread, to what it is given."""


@attrs.frozen(kw_only=True)
class MadeLayer:
    """A layer that is stored. `size` in bytes; `blob` is the digest of its tar in the content store, "" where the
    storage driver keeps the tar itself; `created` is when it was made first."""

    diff_id: str
    chain_id: str
    size: int
    blob: str
    created: datetime = attrs.field(factory=now)


@asynccontextmanager
async def made_layer(ctx: Context, parent: str | None, write: WriteTar) -> AsyncIterator[MadeLayer]:
    """Store what *write* writes as a layer on the chain ID *parent*, and lease it while the block runs.

    Raises: Unavailable where the disk is full, CorruptData for what is no layer, and what *write* raises; then nothing
    is left.
    """
    draft = await ctx.content.draft()
    try:
        await write(sink_of(draft))
        tar = await draft.finish()
        chain_id = chain_id_of(parent, tar.digest)
        async with ctx.leases.hold([tar.digest, chain_id]):
            usage = await _apply(ctx, Layer(chain_id=chain_id, diff_id=tar.digest, parent=parent), draft.path)
            kept = await ctx.storage.layer_tar(chain_id) is not None
            await (draft.discard() if kept else draft.commit())
            yield MadeLayer(diff_id=tar.digest, chain_id=chain_id, size=usage.size, blob="" if kept else tar.digest)
    finally:
        with trio.CancelScope(shield=True):  # short: one file is unlinked
            await draft.discard()


async def _apply(ctx: Context, layer: Layer, path: Path) -> LayerUsage:
    # Unchecked: the digest was made of these very bytes a moment ago.
    with await trio.to_thread.run_sync(path.open, "rb") as tar:
        return await ctx.storage.apply(layer, tar)


def sink_of(draft: Draft) -> BinaryIO:
    """*draft* as a file to write to. Raises: Unavailable, when it is written, where the disk is full."""
    return cast(BinaryIO, _Sink(draft))


class _Sink:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def write(self, chunk: bytes | memoryview) -> int:
        try:
            return self._draft.write(chunk)
        except OSError as error:
            raise Unavailable(f"cannot write a layer: {error.strerror}") from error
