"""Looking at what a chain of layers looks like, as a container's root would."""

from collections.abc import Callable
from typing import TypeVar

import trio

from ck.kernel.engine.context import Context
from ck.kernel.engine.names import new_id
from ck.kernel.engine.rootview import in_root

T = TypeVar("T")


async def in_chain(ctx: Context, chain_id: str | None, work: Callable[[int], T]) -> T:
    """Return what *work* returns, called in a thread with an fd of the root that has the layer *chain_id*, which is
    leased, on top. It can only be read. Raises: what *work* raises."""
    root_id = new_id()  # of a root that no container has: what a crash leaves of it is removed at the next start
    await ctx.storage.create(root_id, chain_id)
    try:
        return await in_root(await ctx.storage.mounts(root_id, discard=True), (), work, read_only=True)
    finally:
        with trio.CancelScope(shield=True):  # short: an empty directory
            await ctx.storage.remove(root_id)
            await ctx.storage.purge(root_id)
