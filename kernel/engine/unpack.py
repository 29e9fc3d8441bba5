"""From a registry into the storage driver: layers, inflated while they arrive.

    blob --(trio task)--> ingest file --(thread)--> inflate, hash --(thread)--> hash, StorageDriver.apply

The ingest file is both the pipe and the safety net: a layer that is cut short, by the network, by a cancel or by
kill -9, goes on where it stopped, and what is on disk already is inflated again but never fetched again.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.drivers.content import ContentStore, Ingest
from ck.kernel.drivers.registry import Descriptor, ImageSource
from ck.kernel.drivers.storage import Layer, LayerUsage, StorageDriver
from ck.kernel.engine.files import is_out_of_space
from ck.kernel.engine.layer_stream import GrowingFile, open_layer
from ck.kernel.errors import CkError, CorruptData, Unavailable

Report = Callable[[str, int, int], None]
"""Called in the trio thread with a status of Docker's, and with current and total bytes of the compressed layer."""

REPORT_SECONDS: Final = 0.1
CLEANUP_SECONDS: Final = 10.0
WRITE_BYTES: Final = 256 << 10


@attrs.frozen(kw_only=True)
class LayerFetch:
    """One layer of an image to fetch, and who is told of its progress. `held` says that some blob of the content store
    holds the layer: then nothing is fetched where storage has it, too."""

    descriptor: Descriptor
    layer: Layer
    report: Report
    held: bool = False


async def fetch_layers(
    source: ImageSource, layers: Sequence[LayerFetch], content: ContentStore, storage: StorageDriver
) -> list[LayerUsage]:
    """Fetch, check and store the layers of an image, lowest first; return what each takes.

    Blobs stay in the content store where the storage driver does not keep the tars: an image must be able to leave.

    Downloads run in parallel, as the registry driver bounds them, and storage takes each layer as soon as it can: some
    drivers once the one below is stored, some have to look below only when they have read all. A layer
    that is stored already is not fetched. Cancelling keeps what has arrived for the next call. On an error nothing of
    its layer is kept in storage, and a blob that is not what its digest names is dropped.
    Raises: CorruptData, and what the drivers raise, for the first layer that fails; the others are cancelled.
    """
    usages: dict[int, LayerUsage] = {}
    failures: list[Exception] = []
    below = trio.Event()
    below.set()
    async with trio.open_nursery() as nursery:

        async def fetch(index: int, pull: _LayerPull) -> None:
            try:
                usages[index] = await pull.run()
            except Exception as error:
                failures.append(error)
                nursery.cancel_scope.cancel()

        for index, wanted in enumerate(layers):
            pull = _LayerPull(source, wanted, content, storage, below)
            nursery.start_soon(fetch, index, pull)
            # One after another into the registry's queue: the lowest layers are the first that storage can use.
            await pull.queued.wait()
            below = pull.stored
    if failures:
        raise failures[0]
    return [usages[index] for index in range(len(layers))]


class _LayerPull:
    """The fetch of one layer. `queued` is set when its download has begun, `stored` when it is in storage."""

    def __init__(
        self,
        source: ImageSource,
        wanted: LayerFetch,
        content: ContentStore,
        storage: StorageDriver,
        parent_stored: trio.Event,
    ) -> None:
        self._source, self._content, self._storage = source, content, storage
        self._descriptor, self._layer, self._report = wanted.descriptor, wanted.layer, wanted.report
        self._held = wanted.held
        self._parent_stored = parent_stored
        self._let_go = False  # whether the storage driver went on without the ingest
        self._shown_at = -REPORT_SECONDS
        self.queued, self.stored = trio.Event(), trio.Event()

    async def run(self) -> LayerUsage:
        """Fetch and store the layer."""
        self._report("Pulling fs layer", 0, 0)
        fresh = False
        try:
            while True:
                try:
                    async with self._ingest() as ingest:
                        fresh = fresh or ingest.offset == 0
                        usage = await self._once(ingest)
                except CorruptData:
                    # Bytes of an earlier run may have been damaged since, by a power cut say: begin anew, once.
                    if fresh:
                        raise
                    continue
                if usage is not None:
                    self.stored.set()
                    return usage
                # All is on disk, but the layer below was not stored.
                await self._parent_stored.wait()
        finally:
            self.queued.set()

    @asynccontextmanager
    async def _ingest(self) -> AsyncIterator[Ingest]:
        ingest = await self._content.ingest(self._descriptor.digest, self._descriptor.size)
        try:
            yield ingest
        except CkError as error:
            # What is damaged is of no use; and what filled the disk must not stay on it, though it could be continued.
            if isinstance(error, CorruptData) or is_out_of_space(error):
                await _finish(ingest.discard)
            raise
        finally:
            await _finish(ingest.close)

    async def _once(self, ingest: Ingest) -> LayerUsage | None:
        """Fetch what is missing, and store the layer; None where it was let go on the way, to be looked at again."""
        # Asked only now, because the pull that held the ingest until now may have stored the very layer.
        if await self._storage.has_layer(self._layer.chain_id):
            if await self._has_bytes():
                self._report("Pull complete" if self._let_go else "Already exists", 0, 0)
                await ingest.discard()
            else:
                await self._fetch_blob(ingest)
            return await self._storage.layer_usage(self._layer.chain_id)
        here = await self._content.has(self._descriptor.digest)
        usage = await self._stream(ingest, await self._content.path(self._descriptor.digest) if here else None)
        if usage is not None:
            self._shown_at = float("inf")  # what the reading thread still has to tell is old news
            if self._let_go:
                self.stored.set()  # but what is to become of the ingest is for who has it
                return None
            needless = here or await self._storage.layer_tar(self._layer.chain_id) is not None
            await (ingest.discard() if needless else ingest.keep())
            self._report("Pull complete", 0, 0)
        return usage

    async def _has_bytes(self) -> bool:
        """Whether the tar of the layer, which is in storage, can be had again."""
        if self._held or await self._content.has(self._descriptor.digest):
            return True
        return await self._storage.layer_tar(self._layer.chain_id) is not None

    async def _fetch_blob(self, ingest: Ingest) -> None:
        """Fetch what was lost of a layer that is stored: we were killed before its blob had its name."""
        file = await trio.to_thread.run_sync(GrowingFile, ingest.path, self._descriptor, _ignore)
        try:
            await self._download(ingest, file, trio.Event())
        finally:
            file.close()
        if file.failure:
            raise file.failure
        await ingest.commit()
        self._report("Pull complete", 0, 0)

    async def _stream(self, ingest: Ingest, blob: Path | None) -> LayerUsage | None:
        """Store the layer out of *blob*, or else out of *ingest* while that grows."""
        usage: LayerUsage | None = None
        failure: Exception | None = None
        ended = trio.Event()
        show = self._extracting(ended)
        file = await trio.to_thread.run_sync(GrowingFile, blob or ingest.path, self._descriptor, show)
        tar = open_layer(file, self._layer.diff_id)
        try:
            async with trio.open_nursery() as nursery:
                if blob:
                    file.grown(self._descriptor.size)
                    self.queued.set()
                    ended.set()
                else:
                    nursery.start_soon(self._download, ingest, file, ended)
                nursery.start_soon(_abort_when_cancelled, file)
                below = partial(self._await_parent, ingest, file, ended, nursery.cancel_scope)
                try:
                    usage = await self._storage.apply(self._layer, tar, below)
                except Exception as error:
                    failure = error
                nursery.cancel_scope.cancel()
        finally:
            file.abort()
            await _finish(partial(trio.to_thread.run_sync, tar.close))
            file.close()
        # A download that fails makes the storage driver fail as well; the first is the cause.
        if reason := file.failure or failure:
            raise reason
        return usage

    async def _await_parent(
        self, ingest: Ingest, file: GrowingFile, ended: trio.Event, applying: trio.CancelScope
    ) -> None:
        """Return when the layer below is stored; for the storage driver. Nobody waits here who holds the ingest when
        all of it is there: two pulls that each held one and waited for the other's layer would wait for ever."""
        if self._parent_stored.is_set():
            return
        if file.is_read:
            self._let_go = True
            await ingest.close()
            await self._parent_stored.wait()
        else:
            await _any(self._parent_stored, ended)
            if not self._parent_stored.is_set():
                # The driver has not begun, so it begins anew, once it can.
                applying.cancel()
                await trio.sleep_forever()

    async def _download(self, ingest: Ingest, file: GrowingFile, ended: trio.Event) -> None:
        """Append to the ingest until it is whole. Fails through *file*, whose reader is to know."""
        size = self._descriptor.size
        try:
            file.grown(ingest.offset)
            if ingest.offset < size:
                async with self._source.blob(self._descriptor, ingest.offset) as chunks:
                    self.queued.set()
                    await self._append(chunks, ingest, file)
                if ingest.offset != size:
                    raise CorruptData(f"layer {self._descriptor.digest} ended at byte {ingest.offset} of {size}")
                self._report("Download complete", size, size)
        except CkError as error:
            file.fail(error)
        except OSError as error:
            failure = Unavailable(f"cannot write layer {self._descriptor.digest}: {error.strerror or error}")
            failure.__cause__ = error
            file.fail(failure)
        finally:
            self.queued.set()
            ended.set()

    async def _append(self, chunks: AsyncIterator[bytes], ingest: Ingest, file: GrowingFile) -> None:
        # In a worker thread, because a full disk cache makes write(2) wait; in batches, because a hop there has its
        # price; of at most 1 % of the layer, because what is not written is lost if we are killed.
        batch_bytes = min(WRITE_BYTES, self._descriptor.size // 100)
        batch: list[bytes] = []
        waiting = 0
        async for chunk in chunks:
            batch.append(chunk)
            waiting += len(chunk)
            if waiting >= batch_bytes or ingest.offset + waiting >= self._descriptor.size:
                await trio.to_thread.run_sync(_write, ingest, batch)
                batch, waiting = [], 0
                file.grown(ingest.offset)
                self._show("Downloading", ingest.offset)

    def _extracting(self, ended: trio.Event) -> Callable[[int], None]:
        """A callback for the reading thread: shows how far it is, once nothing is shown of the download any more."""
        in_trio = trio.lowlevel.current_trio_token().run_sync_soon

        def show(position: int) -> None:
            if ended.is_set():
                self._show("Extracting", position)

        return lambda position: in_trio(show, position)

    def _show(self, status: str, current: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= REPORT_SECONDS:
            self._shown_at = now
            self._report(status, current, self._descriptor.size)


async def _finish(end: Callable[[], Awaitable[None]]) -> None:
    # Shielded, because a cancelled pull must let go of its ingest too, or no other pull could have the digest.
    with trio.fail_after(CLEANUP_SECONDS, shield=True):
        await end()


def _ignore(position: int) -> None:
    """For a file that nobody reads while it grows."""


def _write(ingest: Ingest, batch: list[bytes]) -> None:
    for chunk in batch:
        ingest.write(chunk)


async def _abort_when_cancelled(file: GrowingFile) -> None:
    """Wake the storage driver's thread: it waits in a read that knows nothing of cancellation."""
    try:
        await trio.sleep_forever()
    finally:
        file.abort()


async def _any(*events: trio.Event) -> None:
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(wait, event)
