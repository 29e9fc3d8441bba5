"""From a registry into the storage driver: one layer, inflated while it arrives.

    blob --(trio task)--> ingest file --(worker thread)--> inflate, hash --> StorageDriver.apply

The ingest file is both the pipe and the safety net: a layer that is cut short, by the network, by a cancel or by
kill -9, goes on where it stopped, and what is on disk already is inflated again but never fetched again.
"""

import io
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.drivers.content import ContentStore, Ingest
from ck.kernel.drivers.digest import matches, new_hash
from ck.kernel.drivers.registry import Descriptor, ImageSource
from ck.kernel.drivers.storage import Layer, LayerUsage, StorageDriver
from ck.kernel.engine.inflate import BLOCK, Inflated
from ck.kernel.errors import CkError, CorruptData, Unavailable

Report = Callable[[str, int, int], None]
"""Called in the trio thread with a status of Docker's, and with current and total bytes of the compressed layer."""

REPORT_SECONDS: Final = 0.1
CLEANUP_SECONDS: Final = 10.0
WRITE_BYTES: Final = 256 << 10


async def fetch_layer(
    *,
    source: ImageSource,
    descriptor: Descriptor,
    layer: Layer,
    content: ContentStore,
    storage: StorageDriver,
    parent_stored: trio.Event,
    report: Report,
) -> LayerUsage:
    """Fetch, check and store one layer; return what it takes. A layer that is stored already is not fetched.

    The download begins at once; the storage driver starts as soon as *parent_stored* is set. Cancelling keeps the
    bytes that have arrived for the next call. On any error nothing is kept in storage; a blob that is not what its
    digest names is dropped. Raises: CorruptData, and whatever the drivers raise.
    """
    pull = _LayerPull(source, descriptor, layer, storage, parent_stored, report)
    report("Pulling fs layer", 0, 0)
    fresh = False
    while True:
        try:
            async with _ingest(content, descriptor) as ingest:
                # Only now, because the pull that held the ingest until now may have stored the very layer.
                if await storage.has_layer(layer.chain_id):
                    usage: LayerUsage | None = await storage.layer_usage(layer.chain_id)
                    report("Already exists", 0, 0)
                else:
                    fresh = fresh or ingest.offset == 0
                    usage = await pull.run(ingest)
                if usage is not None:
                    await ingest.discard()
                    return usage
        except CorruptData:
            # Bytes of an earlier run may have been damaged since, by a power cut say: begin anew, once.
            if fresh:
                raise
        else:
            # All is on disk, but the layer below is not stored. The ingest is let go meanwhile: two pulls that each
            # held one and waited for the other's would wait for ever.
            await parent_stored.wait()


@asynccontextmanager
async def _ingest(content: ContentStore, descriptor: Descriptor) -> AsyncIterator[Ingest]:
    ingest = await content.ingest(descriptor.digest, descriptor.size)
    try:
        yield ingest
    except CorruptData:
        await _finish(ingest.discard)
        raise
    finally:
        await _finish(ingest.close)


async def _finish(end: Callable[[], Awaitable[None]]) -> None:
    # Shielded, because a cancelled pull must let go of its ingest too, or no other pull could have the digest.
    with trio.fail_after(CLEANUP_SECONDS, shield=True):
        await end()


class _LayerPull:
    """What a fetch of one layer works with, over all attempts."""

    def __init__(
        self,
        source: ImageSource,
        descriptor: Descriptor,
        layer: Layer,
        storage: StorageDriver,
        parent_stored: trio.Event,
        report: Report,
    ) -> None:
        self._source, self._descriptor, self._layer, self._storage = source, descriptor, layer, storage
        self._parent_stored, self._report = parent_stored, report
        self._shown_at = -REPORT_SECONDS

    async def run(self, ingest: Ingest) -> LayerUsage | None:
        """Fetch what is missing; store the layer if its parent is there before the last byte is, else return None."""
        usage: LayerUsage | None = None
        failure: Exception | None = None
        downloaded = trio.Event()
        file = await trio.to_thread.run_sync(GrowingFile, ingest.path, self._descriptor, self._extracting(downloaded))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._download, ingest, file, downloaded)
                nursery.start_soon(_abort_when_cancelled, file)
                await _any(self._parent_stored, downloaded)
                if self._parent_stored.is_set():
                    try:
                        usage = await self._storage.apply(self._layer, open_layer(file, self._layer.diff_id))
                    except Exception as error:
                        failure = error
                nursery.cancel_scope.cancel()
        finally:
            file.close()
        # A download that fails makes the storage driver fail as well; the first is the cause.
        if reason := file.failure or failure:
            raise reason
        if usage is not None:
            self._report("Pull complete", 0, 0)
        return usage

    async def _download(self, ingest: Ingest, file: "GrowingFile", downloaded: trio.Event) -> None:
        """Append to the ingest until it is whole. Fails through *file*, whose reader is to know."""
        try:
            file.grown(ingest.offset)
            if ingest.offset < self._descriptor.size:
                async with self._source.blob(self._descriptor, ingest.offset) as chunks:
                    await self._append(chunks, ingest, file)
            if ingest.offset != self._descriptor.size:
                raise CorruptData(
                    f"layer {self._descriptor.digest} ended at byte {ingest.offset} of {self._descriptor.size}"
                )
            self._report("Download complete", self._descriptor.size, self._descriptor.size)
        except CkError as error:
            file.fail(error)
        except OSError as error:
            file.fail(Unavailable(f"cannot write layer {self._descriptor.digest}: {error.strerror or error}"))
        finally:
            downloaded.set()

    async def _append(self, chunks: AsyncIterator[bytes], ingest: Ingest, file: "GrowingFile") -> None:
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

    def _extracting(self, downloaded: trio.Event) -> Callable[[int], None]:
        """A callback for the reading thread: shows how far it is, once nothing is shown of the download any more."""
        in_trio = trio.lowlevel.current_trio_token().run_sync_soon

        def show(position: int) -> None:
            if downloaded.is_set():
                self._show("Extracting", position)

        return lambda position: in_trio(show, position)

    def _show(self, status: str, current: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= REPORT_SECONDS:
            self._shown_at = now
            self._report(status, current, self._descriptor.size)


def _write(ingest: Ingest, batch: list[bytes]) -> None:
    for chunk in batch:
        ingest.write(chunk)


async def _abort_when_cancelled(file: "GrowingFile") -> None:
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


class GrowingFile(io.RawIOBase):
    """The file of a download, read from its start by one thread while it grows; a read at the end waits for more.

    Ends at the size of the descriptor. `failure` is what made the download stop, if it did.
    """

    def __init__(self, path: Path, descriptor: Descriptor, consumed: Callable[[int], None]) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._descriptor, self._consumed = descriptor, consumed
        self._hash = new_hash(descriptor.digest)
        self._changed = threading.Condition()
        self._available = self._position = 0
        self._aborted = False
        self.failure: CkError | None = None

    def grown(self, available: int) -> None:
        """Say that the file has *available* bytes."""
        with self._changed:
            self._available = min(available, self._descriptor.size)
            self._changed.notify()

    def fail(self, reason: CkError) -> None:
        """Say that no more will come; the reader raises *reason*."""
        with self._changed:
            self.failure = reason
            self._changed.notify()

    def abort(self) -> None:
        """Make the reader give up, whatever it is waiting for."""
        with self._changed:
            self._aborted = True
            self._changed.notify()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with self._changed:
            self._changed.wait_for(self._may_read)
            if self.failure:
                raise self.failure
            if self._aborted:
                raise Unavailable(f"the pull of layer {self._descriptor.digest} was cancelled")
            room = min(len(buffer), self._available - self._position)
        with memoryview(buffer) as view:
            count = os.preadv(self._fd, [view[:room]], self._position)
            self._hash.update(view[:count])
        self._position += count
        self._consumed(self._position)
        return count

    def _may_read(self) -> bool:
        at_end = self._position == self._descriptor.size
        return bool(self._available > self._position or at_end or self.failure or self._aborted)

    def verify(self) -> None:
        """Check that all was read and is what the digest names. Raises: CorruptData."""
        if self._position != self._descriptor.size or not matches(self._hash, self._descriptor.digest):
            raise CorruptData(f"layer {self._descriptor.digest} does not have the bytes that its digest names")

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


class _CheckedLayer(io.RawIOBase):
    """The uncompressed layer; its end raises CorruptData unless both digests are right."""

    def __init__(self, file: GrowingFile, diff_id: str) -> None:
        self._file, self._diff_id = file, diff_id
        self._inflated: Inflated | None = None
        self._hash = new_hash(diff_id)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._inflated is None:  # not in the constructor: it reads, and so may wait
            self._inflated = Inflated(self._file)
        with memoryview(buffer) as view:
            count = self._inflated.readinto(view)
            self._hash.update(view[:count])
            if count == 0 and len(view) > 0:
                self._verify()
        return count

    def _verify(self) -> None:
        self._file.verify()
        if not matches(self._hash, self._diff_id):
            found = f"{self._hash.name}:{self._hash.hexdigest()}"
            raise CorruptData(f"layer {self._diff_id} unpacks to {found}")


def open_layer(file: GrowingFile, diff_id: str) -> io.BufferedReader:
    """The uncompressed bytes of the layer in *file*, checked at their end."""
    return io.BufferedReader(_CheckedLayer(file, diff_id), BLOCK)


@attrs.frozen(kw_only=True)
class LayerFetch:
    """One layer of an image to fetch."""

    descriptor: Descriptor
    layer: Layer
    report: Report


async def fetch_layers(
    source: ImageSource, layers: Sequence[LayerFetch], content: ContentStore, storage: StorageDriver
) -> list[LayerUsage]:
    """Fetch all layers of an image, lowest first: downloads in parallel, as the registry driver bounds them, each
    stored once the one below is. Raises: what the first that fails raises; the others are cancelled."""
    usages: dict[int, LayerUsage] = {}
    failures: list[Exception] = []
    stored = [trio.Event() for _ in range(len(layers) + 1)]
    stored[0].set()
    async with trio.open_nursery() as nursery:

        async def fetch(index: int, wanted: LayerFetch) -> None:
            try:
                usages[index] = await fetch_layer(
                    source=source,
                    descriptor=wanted.descriptor,
                    layer=wanted.layer,
                    content=content,
                    storage=storage,
                    parent_stored=stored[index],
                    report=wanted.report,
                )
                stored[index + 1].set()
            except Exception as error:
                failures.append(error)
                nursery.cancel_scope.cancel()

        for index, wanted in enumerate(layers):
            nursery.start_soon(fetch, index, wanted)
    if failures:
        raise failures[0]
    return [usages[index] for index in range(len(layers))]
