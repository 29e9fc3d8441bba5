"""Fetching layers: order, checks, breaks, cancellation, and what is kept of each."""

import gzip
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.drivers.content import ContentStore
from ck.kernel.drivers.storage import LayerUsage
from ck.kernel.engine.unpack import LayerFetch, fetch_layers
from ck.kernel.errors import CkError, CorruptData, Unavailable
from ck.plugins.builtin.content_local.driver import LocalContent
from tests.support.blob_source import BlobSource
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import BuiltLayer, chain, digest_of, make_layer

SECONDS = 20


@pytest.fixture(params=[False, True], ids=["below-first", "below-last"], scope="module", autouse=True)
def late(request: pytest.FixtureRequest) -> Iterator[bool]:
    """When storage looks at the layer below. All that follows is so either way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LayerSink, "late", request.param)
        yield request.param


@attrs.define
class World:
    """Everything that a fetch works with, and the layers that it fetches."""

    content: ContentStore
    sink: LayerSink
    source: BlobSource
    layers: list[BuiltLayer]
    reports: list[tuple[str, str]] = attrs.field(factory=list)
    _told: trio.Event = attrs.field(factory=trio.Event)

    async def fetch(self) -> list[LayerUsage]:
        wanted = [
            LayerFetch(
                descriptor=built.descriptor,
                layer=layer,
                report=lambda status, *_, digest=built.descriptor.digest: self.report(digest, status),
            )
            for built, layer in zip(self.layers, chain(self.layers), strict=True)
        ]
        return await fetch_layers(self.source, wanted, self.content, self.sink.driver)

    def report(self, digest: str, status: str) -> None:
        self.reports.append((digest, status))
        self._told.set()

    async def told(self, status: str, times: int) -> None:
        """Wait for *status* to be reported so many times."""
        while [told for _, told in self.reports].count(status) < times:
            self._told = trio.Event()
            await self._told.wait()

    def stored(self) -> list[bytes]:
        return [self.sink.tars[layer.chain_id] for layer in chain(self.layers)]


def in_world(tmp_path: Path, layers: list[BuiltLayer], test: Callable[[World], Awaitable[None]]) -> None:
    """Run *test* with fresh stores; afterwards no download may be under way."""

    async def main() -> None:
        content = LocalContent()
        await content.open(tmp_path)
        source = BlobSource({layer.descriptor.digest: layer.blob for layer in layers})
        with trio.fail_after(SECONDS):
            await test(World(content, LayerSink(), source, layers))
            for layer in layers:
                await (await content.ingest(layer.descriptor.digest, None)).close()

    trio.run(main)


def partial_bytes(tmp_path: Path) -> int:
    return sum(file.stat().st_size for file in (tmp_path / "ingest").iterdir())


def random_layer(size: int = 100_000, compression: str = "gzip") -> BuiltLayer:
    return make_layer({"file": os.urandom(size)}, compression)


def test_layers_of_all_kinds(tmp_path: Path) -> None:
    tar = make_layer({"a": b"1" * 5000}).tar
    layers = [
        *(random_layer(compression=kind) for kind in ("gzip", "zstd", "")),
        BuiltLayer(tar=tar, blob=gzip.compress(tar[:100]) + gzip.compress(tar[100:]), media_type="x"),
        BuiltLayer(tar=tar, blob=zstandard.compress(tar[:100]) + zstandard.compress(tar[100:]), media_type="x"),
    ]

    async def test(world: World) -> None:
        usages = await world.fetch()
        assert world.stored() == [layer.tar for layer in layers]
        assert usages == [LayerUsage(size=len(layer.tar)) for layer in layers]
        assert partial_bytes(tmp_path) == 0
        first = layers[0].descriptor.digest
        told = [status for digest, status in world.reports if digest == first]
        assert told[0] == "Pulling fs layer"
        assert told[-2:] == ["Download complete", "Pull complete"]
        # A second pull finds everything.
        world.source.fetched.clear()
        assert await world.fetch() == usages
        assert world.source.fetched == {}
        assert world.reports[-1][1] == "Already exists"

    in_world(tmp_path, layers, test)


def blobs(tmp_path: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in (tmp_path / "blobs/sha256").iterdir()}


@pytest.mark.parametrize("keeps", [False, True])
def test_the_bytes_of_a_layer_are_kept_once(tmp_path: Path, keeps: bool) -> None:
    layers = [random_layer() for _ in range(2)]
    digests = {layer.descriptor.digest for layer in layers}

    async def test(world: World) -> None:
        world.sink.keeps = keeps
        await world.fetch()
        assert blobs(tmp_path) == (set() if keeps else digests)

    in_world(tmp_path, layers, test)


def test_a_blob_that_was_lost_is_fetched_and_a_layer_that_was_lost_is_not(tmp_path: Path) -> None:
    layers = [random_layer() for _ in range(2)]
    digests = {layer.descriptor.digest for layer in layers}

    async def test(world: World) -> None:
        await world.fetch()
        await world.content.remove(layers[0].descriptor.digest)
        del world.sink.tars[chain(layers)[1].chain_id]
        world.source.fetched.clear()
        await world.fetch()
        assert world.source.fetched == {layers[0].descriptor.digest: layers[0].descriptor.size}
        assert blobs(tmp_path) == digests
        assert world.stored() == [layer.tar for layer in layers]

    in_world(tmp_path, layers, test)


@settings(deadline=None)
@given(st.binary(max_size=3000), st.sampled_from(["gzip", "zstd", ""]), st.integers(1, 4000), st.floats(0, 1))
def test_any_content_in_any_pieces_from_any_offset(content: bytes, kind: str, piece: int, part: float) -> None:
    layer = make_layer(b"not magic" + content, kind)
    digest, size = layer.descriptor.digest, layer.descriptor.size

    async def test(directory: Path) -> None:
        store = LocalContent()
        await store.open(directory)
        ingest = await store.ingest(digest, size)
        begun = int(size * part)
        ingest.write(layer.blob[:begun])
        await ingest.close()
        world = World(store, LayerSink(block=777), BlobSource({digest: layer.blob}, piece), [layer])
        await world.fetch()
        assert world.stored() == [layer.tar]
        assert world.source.fetched.get(digest, 0) == size - begun

    # Not pytest's tmp_path, which would be the same for every example.
    with tempfile.TemporaryDirectory(prefix="ck") as directory:
        trio.run(test, Path(directory))


@pytest.mark.parametrize(
    ("blob", "diff_id"),
    [
        (lambda blob: blob[:-1] + b"?", None),
        (lambda blob: blob + b"?", None),
        (lambda blob: blob[:-10], None),
        (lambda blob: bytes(len(blob)), None),
        (lambda blob: blob, b"another tar"),
    ],
    ids=["changed", "longer", "shorter", "zeros", "diff ID"],
)
@pytest.mark.parametrize("kind", ["gzip", "zstd", ""])
def test_wrong_bytes_leave_nothing(
    blob: Callable[[bytes], bytes], diff_id: bytes | None, kind: str, tmp_path: Path
) -> None:
    layer = random_layer(compression=kind)
    lower = random_layer(10)

    async def test(world: World) -> None:
        served = BlobSource({layer.descriptor.digest: blob(layer.blob), lower.descriptor.digest: lower.blob})
        lower_place, place = chain(world.layers)
        place = attrs.evolve(place, diff_id=digest_of(diff_id)) if diff_id else place
        fetches = [
            LayerFetch(descriptor=lower.descriptor, layer=lower_place, report=lambda *_: None),
            LayerFetch(descriptor=layer.descriptor, layer=place, report=lambda *_: None),
        ]
        # Alone first: a layer that is cancelled by the failure of another keeps its bytes.
        await fetch_layers(served, fetches[:1], world.content, world.sink.driver)
        with pytest.raises(CorruptData):
            await fetch_layers(served, fetches, world.content, world.sink.driver)
        assert place.chain_id not in world.sink.tars
        assert partial_bytes(tmp_path) == 0

    in_world(tmp_path, [lower, layer], test)


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    layer = random_layer()
    digest, size = layer.descriptor.digest, layer.descriptor.size

    async def test(world: World) -> None:
        world.source.broken[digest] = size // 2
        with pytest.raises(Unavailable, match="the connection broke"):
            await world.fetch()
        assert world.sink.tars == {}
        assert size * 0.48 < partial_bytes(tmp_path) <= size // 2 + 1000
        await world.fetch()
        assert world.stored() == [layer.tar]
        assert size <= world.source.fetched[digest] <= size * 1.02

    in_world(tmp_path, [layer], test)


def test_a_damaged_partial_file_is_fetched_anew(tmp_path: Path) -> None:
    layer = random_layer()

    async def test(world: World) -> None:
        ingest = await world.content.ingest(layer.descriptor.digest, layer.descriptor.size)
        ingest.write(bytes(5000))
        await ingest.close()
        await world.fetch()
        assert world.stored() == [layer.tar]
        assert world.sink.applied == 2

    in_world(tmp_path, [layer], test)


def test_cancelling_wakes_the_reader_and_keeps_the_bytes(tmp_path: Path) -> None:
    layer = random_layer(compression="")
    digest = layer.descriptor.digest

    async def test(world: World) -> None:
        world.source.gates[digest] = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.fetch)
            # Its thread is in the storage driver and waits for bytes that do not come.
            await trio.to_thread.run_sync(world.sink.reading.wait)
            nursery.cancel_scope.cancel()
        assert world.sink.tars == {}
        del world.source.gates[digest]
        await world.fetch()
        assert world.stored() == [layer.tar]

    in_world(tmp_path, [layer], test)


def test_upper_layers_download_while_the_lowest_waits(tmp_path: Path) -> None:
    layers = [random_layer(20_000) for _ in range(4)]
    lowest = layers[0].descriptor.digest

    async def test(world: World) -> None:
        gate = world.source.gates[lowest] = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.fetch)
            await world.told("Download complete", times=3)
            assert world.sink.tars == {}
            gate.set()
        assert world.stored() == [layer.tar for layer in layers]
        assert world.source.opened == [layer.descriptor.digest for layer in layers]
        assert all(world.source.fetched[layer.descriptor.digest] == layer.descriptor.size for layer in layers)

    in_world(tmp_path, layers, test)


def test_the_first_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    layers = [random_layer(20_000) for _ in range(3)]

    async def test(world: World) -> None:
        world.source.broken[layers[1].descriptor.digest] = 5000
        with pytest.raises(CkError, match="the connection broke"):
            await world.fetch()

    in_world(tmp_path, layers, test)


def test_a_layer_twice_in_an_image(tmp_path: Path) -> None:
    one, two = random_layer(), random_layer()

    async def test(world: World) -> None:
        await world.fetch()
        assert world.stored() == [one.tar, two.tar, one.tar]

    in_world(tmp_path, [one, two, one], test)


def test_two_pulls_of_one_image_fetch_it_once(tmp_path: Path) -> None:
    layers = [random_layer() for _ in range(3)]

    async def test(world: World) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(world.fetch)
        assert world.source.fetched == {layer.descriptor.digest: layer.descriptor.size for layer in layers}
        assert world.sink.applied == 3

    in_world(tmp_path, layers, test)


def test_images_that_share_layers_in_opposite_order_do_not_wait_for_each_other(tmp_path: Path) -> None:
    base, one, two = random_layer(), random_layer(50_000), random_layer(50_000)

    async def test(world: World) -> None:
        gate = world.source.gates[base.descriptor.digest] = trio.Event()
        others = attrs.evolve(world, layers=[base, two, one])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.fetch)
            nursery.start_soon(others.fetch)
            await trio.testing.wait_all_tasks_blocked()
            gate.set()
        assert world.stored() == [base.tar, one.tar, two.tar]
        assert others.stored() == [base.tar, two.tar, one.tar]

    in_world(tmp_path, [base, one, two], test)
