"""Pulls an image's layers as the engine does: driver, content store, storage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ck.kernel.drivers.content import ContentStore
from ck.kernel.drivers.registry import Credentials, Manifest, Platform, RegistryDriver
from ck.kernel.engine.unpack import LayerFetch, fetch_layers
from ck.plugins.builtin.content_local.driver import LocalContent
from ck.plugins.builtin.registry_distribution.plugin import make
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import AMD64, BuiltLayer, chain


def distribution(**options: Any) -> RegistryDriver:
    """The driver, quick to try again; `options` are its own."""
    quick: Mapping[str, Any] = {"backoff": 0.001, "certificates": [], **options}
    return make(quick)


async def manifest_of(
    driver: RegistryDriver, reference: str, platform: Platform = AMD64, credentials: Credentials | None = None
) -> Manifest:
    async with driver.source(driver.normalize(reference), credentials) as source:
        return await source.manifest(platform)


async def pull_layers(
    driver: RegistryDriver, reference: str, layers: list[BuiltLayer], content: ContentStore, sink: LayerSink
) -> None:
    """Pull *reference*, which was built of *layers*, and check what arrived."""
    async with driver.source(driver.normalize(reference), None) as source:
        manifest = await source.manifest(AMD64)
        fetches = [
            LayerFetch(descriptor=descriptor, layer=layer, report=lambda *_: None)
            for descriptor, layer in zip(manifest.layers, chain(layers), strict=True)
        ]
        await fetch_layers(source, fetches, content, sink.driver)
    assert [sink.tars[layer.chain_id] for layer in chain(layers)] == [layer.tar for layer in layers]


async def opened_content(directory: Path) -> LocalContent:
    content = LocalContent()
    await content.open(directory)
    return content
