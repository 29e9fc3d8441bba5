"""What steps of builds have made: found again by a digest of all that a step depends on."""

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import attrs
import trio

from ck.kernel.engine.context import Context, now
from ck.kernel.engine.image_garbage import drop_blobs, drop_layers
from ck.kernel.engine.image_layer import MadeLayer
from ck.kernel.engine.turns import Turns
from ck.kernel.errors import Unavailable
from ck.kernel.store_records import CacheRecord, Delete, Put

log: Final = logging.getLogger(__name__)

_PATIENCE: Final = 300.0
"""Seconds that a step waits for another build that is at the same."""


def key_of(*parts: object) -> str:
    """A digest of *parts*: texts, numbers, and lists and objects of such."""
    return hashlib.sha256(
        json.dumps(parts, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogateescape")
    ).hexdigest()


class BuildCache:
    """Of one build; with *use* False it finds nothing, and what is made takes the place of what was there. *turns* are
    all builds', by key: what one makes the others wait for."""

    def __init__(self, ctx: Context, turns: Turns, *, use: bool) -> None:
        self._ctx, self._turns, self._use = ctx, turns, use
        self._used: set[str] = set()  # keys of what was found
        self._lent: dict[str, CacheRecord] = {}

    def lend(self, records: Iterable[CacheRecord]) -> None:
        """Find *records* too, whose layers are leased for the whole build. Nobody else does: whoever made them may have
        said anything of them, and only this build trusts in that."""
        self._lent |= {record.key: record for record in records}

    @asynccontextmanager
    async def turn(self, key: str, wait: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Have the step *key* alone while the block runs; *wait* is called where somebody has it already. That one may
        have a client that takes none of its output, so nobody waits for ever: then both do the work."""
        if not self._use:
            yield
            return
        if self._turns.taken(key):
            await wait()
        lock = self._turns.of(key)
        with trio.move_on_after(_PATIENCE) as scope:
            await lock.acquire()
        try:
            yield
        finally:
            if not scope.cancelled_caught:
                lock.release()

    def knows(self, prefix: str) -> bool:
        """Whether there is a step whose key begins with *prefix*: if not, nobody need compute the rest."""
        return self._use and any(key.startswith(prefix) for key in (*self._ctx.store.cache.ids(), *self._lent))

    @asynccontextmanager
    async def found(self, key: str, chain: Sequence[str]) -> AsyncIterator[MadeLayer | None]:
        """The layer of *key* on top of *chain*, leased while the block runs; None where it is not known or not there
        any more."""
        record = self._get(key) if self._use else None
        # What was lent is what somebody says: a layer that stands on others would be no layer here.
        if record is None or record.chain[:-1] != tuple(chain):
            yield None
            return
        async with self._ctx.leases.hold([*record.chain, *([record.blob] if record.blob else [])]):
            # Looked up again: it may have been pruned while we waited for a lease.
            if self._get(key) is None or not await self._is_there(record.chain[-1]):
                yield None
                return
            self._used.add(key)
            yield MadeLayer(
                diff_id=record.diff_id,
                chain_id=record.chain[-1],
                size=record.size,
                blob=record.blob,
                created=record.created,
            )

    async def _is_there(self, chain_id: str) -> bool:
        leases = self._ctx.leases
        if not leases.seen(chain_id) and await self._ctx.storage.has_layer(chain_id):
            leases.saw(chain_id)
        return leases.seen(chain_id)

    def _get(self, key: str) -> CacheRecord | None:
        return self._ctx.store.cache.get(key) or self._lent.get(key)

    def end(self) -> None:
        """Have what was found recorded as used: once for the whole build, and nobody waits for it."""
        self._ctx.spawn(self._record_uses)

    async def _record_uses(self) -> None:
        records = [record for key in self._used if (record := self._ctx.store.cache.get(key)) is not None]
        used = [Put(each.key, attrs.evolve(each, used=now(), uses=each.uses + 1)) for each in records]
        try:
            await self._ctx.store.commit(used)
        except Unavailable as error:
            log.warning("steps of the build cache are not recorded as used: %s", error)

    async def keep(self, key: str, chain: Sequence[str], layer: MadeLayer, description: str) -> None:
        """Remember *layer*, which is leased, on top of *chain*."""
        record = CacheRecord(
            key=key,
            diff_id=layer.diff_id,
            chain=(*chain, layer.chain_id),
            size=layer.size,
            blob=layer.blob,
            description=description,
            created=layer.created,
            used=now(),
        )
        await self._ctx.store.commit([Put(key, record)], [])


async def prune_cache(ctx: Context, *, everything: bool, unused_since: datetime | None) -> tuple[Sequence[str], int]:
    """Forget steps that no image has the layer of, or with *everything* all, last used before *unused_since* if given.
    Return their keys and the bytes of the layers that went with them."""
    in_images = {chain for image in ctx.store.images for chain in image.chain_ids}
    gone: list[str] = []
    space = 0
    # The newest first: what stands on others goes before them.
    for record in sorted(ctx.store.cache, key=lambda each: len(each.chain), reverse=True):
        if unused_since is not None and record.used > unused_since:
            continue
        if not everything and record.chain[-1] in in_images:
            continue
        await ctx.store.commit([Delete("cache", record.key)], [])
        gone.append(record.key)
        space += (await drop_layers(ctx, record.chain)).space
        space += await drop_blobs(ctx, [record.blob] if record.blob else [])
    return gone, space
