"""Connections that break, servers that lie, limits, redirects, mirrors; counted at a proxy before the real registry."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from ck.kernel.errors import CorruptData, NotFound, Unavailable
from tests.support.flaky_proxy import Fault, FlakyProxy, Request, Script
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import BuiltLayer, OciLayout, make_layer
from tests.support.pulling import distribution, manifest_of, opened_content, pull_layers
from tests.support.registry import Registry, free_port

pytestmark = pytest.mark.usefixtures("anonymous")
SECONDS = 30
Test = Callable[[FlakyProxy, BuiltLayer], Awaitable[None]]


def with_proxy(registry: Registry, tmp_path: Path, script: Script, test: Test) -> None:
    """Push an image of one random layer as flaky/x:1; run *test* with a proxy before the registry."""
    layer = make_layer({"file": os.urandom(400_000)})
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [layer])
    registry.push(layout.directory, "t", "flaky/x:1", "--preserve-digests")

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                proxy = FlakyProxy(registry.address, script)
                await nursery.start(proxy.serve)
                await test(proxy, layer)
                nursery.cancel_scope.cancel()

    trio.run(main)


def is_layer(request: Request) -> bool:
    return "/blobs/" in request.target


async def pull(address: str, layer: BuiltLayer, tmp_path: Path, **options: object) -> None:
    driver = distribution(**options)
    await pull_layers(driver, f"{address}/flaky/x:1", [layer], await opened_content(tmp_path / "c"), LayerSink())


def test_a_broken_connection_is_taken_up_where_it_broke(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(cut_after=100_000) if is_layer(request) and request.number < 4 else None

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        await pull(proxy.address, layer, tmp_path)
        ranges = [request.headers.get("range") for request in proxy.requests if is_layer(request)]
        assert ranges == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
        assert proxy.sent == layer.descriptor.size

    with_proxy(registry, tmp_path, script, test)


def test_a_server_without_ranges_is_read_from_the_start(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        if not is_layer(request):
            return None
        return Fault(cut_after=100_000) if request.number == 1 else Fault(ignore_range=True)

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        await pull(proxy.address, layer, tmp_path)
        assert proxy.sent == layer.descriptor.size + 100_000

    with_proxy(registry, tmp_path, script, test)


def test_a_connection_that_always_breaks_is_given_up(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(cut_after=0) if is_layer(request) else None

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        with pytest.raises(Unavailable, match=proxy.address):
            await pull(proxy.address, layer, tmp_path, attempts=4)
        assert len([request for request in proxy.requests if is_layer(request)]) == 4

    with_proxy(registry, tmp_path, script, test)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int, registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        busy = request.number in (0, 1, 3, 4)
        return Fault(status=status, headers={"Retry-After": "0"}, body=b"busy") if busy else None

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        await pull(proxy.address, layer, tmp_path)
        assert len(proxy.requests) == 6

    with_proxy(registry, tmp_path, script, test)


def test_a_quota_that_is_used_up_is_told_at_once(registry: Registry, tmp_path: Path) -> None:
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit reached"}]}'

    def script(request: Request) -> Fault | None:
        return Fault(status=429, headers={"Retry-After": "21600"}, body=body)

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        sentence = f"{proxy.address} answered 429 .*: pull rate limit reached"
        with pytest.raises(Unavailable, match=sentence):
            await pull(proxy.address, layer, tmp_path)
        assert len(proxy.requests) == 1

    with_proxy(registry, tmp_path, script, test)


def test_a_changed_layer_is_refused(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(flip=1000) if is_layer(request) else None

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        with pytest.raises(CorruptData):
            await pull(proxy.address, layer, tmp_path)
        assert not list((tmp_path / "c" / "ingest").iterdir())

    with_proxy(registry, tmp_path, script, test)


def test_a_changed_manifest_is_refused(registry: Registry, tmp_path: Path) -> None:
    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        with pytest.raises(CorruptData, match="does not have the digest"):
            await manifest_of(distribution(), f"{proxy.address}/flaky/x:1")

    with_proxy(registry, tmp_path, lambda request: Fault(flip=20), test)


def test_a_layer_of_another_size_is_refused(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(status=200, body=b"short") if is_layer(request) else None

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        with pytest.raises(CorruptData, match="has 5 bytes, its manifest says"):
            await pull(proxy.address, layer, tmp_path)

    with_proxy(registry, tmp_path, script, test)


def test_credentials_do_not_follow_a_redirect_to_another_host(registry: Registry, tmp_path: Path) -> None:
    cdn: list[str] = []

    def script(request: Request) -> Fault | None:
        if "authorization" not in request.headers:
            return Fault(status=401, headers={"WWW-Authenticate": f'Bearer realm="http://{tokens.address}/token"'})
        if is_layer(request):
            return Fault(status=307, headers={"Location": f"http://{cdn[0]}{request.target}"})
        return None

    tokens = FlakyProxy(registry.address, lambda request: Fault(status=200, body=b'{"token":"secret"}'))

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        async with trio.open_nursery() as nursery:
            elsewhere = FlakyProxy(registry.address)
            # Another name of the same machine is another host.
            cdn.append((await nursery.start(elsewhere.serve)).replace("127.0.0.1", "localhost"))
            await nursery.start(tokens.serve)
            await pull(proxy.address, layer, tmp_path)
            assert elsewhere.sent == layer.descriptor.size
            assert all("authorization" not in request.headers for request in elsewhere.requests)
            assert {request.headers.get("authorization") for request in proxy.requests} == {None, "Bearer secret"}
            # One token is enough for the manifest and all layers.
            assert [request.target for request in tokens.requests] == ["/token?scope=repository%3Aflaky%2Fx%3Apull"]
            nursery.cancel_scope.cancel()

    with_proxy(registry, tmp_path, script, test)


def test_a_mirror_serves_and_the_registry_helps_out(registry: Registry, tmp_path: Path) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(cut_after=150_000) if is_layer(request) and request.number == 1 else _gone(request)

    def _gone(request: Request) -> Fault | None:
        return Fault(status=404) if is_layer(request) else None

    async def test(mirror: FlakyProxy, layer: BuiltLayer) -> None:
        async with trio.open_nursery() as nursery:
            origin = FlakyProxy(registry.address)
            await nursery.start(origin.serve)
            dead = f"127.0.0.1:{free_port()}"
            await pull(origin.address, layer, tmp_path, mirrors={origin.address: [dead, f"http://{mirror.address}"]})
            assert mirror.sent == 150_000
            assert [request.headers.get("range") for request in origin.requests] == ["bytes=150000-"]
            # What no mirror has, the registry is asked for; its answer counts.
            driver = distribution(mirrors={origin.address: [dead, mirror.address]})
            with pytest.raises(NotFound, match=f"manifest for {origin.address}/flaky/x:2 not found"):
                await manifest_of(driver, f"{origin.address}/flaky/x:2")
            nursery.cancel_scope.cancel()

    with_proxy(registry, tmp_path, script, test)


def test_downloads_from_one_registry_are_bounded(registry: Registry, tmp_path: Path) -> None:
    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        driver = distribution(downloads=2)
        manifest = await manifest_of(driver, f"{proxy.address}/flaky/x:1")
        running = most = 0

        async def fetch() -> None:
            nonlocal running, most
            reference = driver.normalize(f"{proxy.address}/flaky/x:1")
            async with driver.source(reference, None) as source, source.blob(manifest.layers[0]) as chunks:
                running += 1
                most = max(most, running)
                assert sum([len(chunk) async for chunk in chunks]) == layer.descriptor.size
                running -= 1

        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(fetch)
        assert most == 2

    with_proxy(registry, tmp_path, lambda request: None, test)


def test_tags_come_page_by_page(registry: Registry, tmp_path: Path) -> None:
    """Debian's docker-registry lists them all at once, whatever it is asked; others do not."""
    pages = {"n=1000": (["a", "b"], "last=b&n=2"), "last=b&n=2": (["c"], "")}

    def script(request: Request) -> Fault | None:
        _, listing, query = request.target.partition("/tags/list?")
        if not listing:
            return None
        tags, following = pages[query]
        link = {"Link": f'</v2/flaky/x/tags/list?{following}>; rel="next"'} if following else {}
        return Fault(status=200, headers=link, body=json.dumps({"name": "flaky/x", "tags": tags}).encode())

    async def test(proxy: FlakyProxy, layer: BuiltLayer) -> None:
        async with distribution().source(f"{proxy.address}/flaky/x:1", None) as source:
            assert list(await source.tags()) == ["a", "b", "c"]
        pages["last=b&n=2"] = (["b"], "last=b&n=2")
        async with distribution().source(f"{proxy.address}/flaky/x:1", None) as source:
            with pytest.raises(CorruptData, match=r"lists the tags of .* without end"):
                await source.tags()

    with_proxy(registry, tmp_path, script, test)
