"""Images that skopeo pushed to the real registry, in every form it can."""

from pathlib import Path

import attrs
import pytest
import trio

from ck.kernel.drivers.manifest import DOCKER_MANIFEST, OCI_MANIFEST
from ck.kernel.drivers.registry import Manifest, Platform
from ck.kernel.errors import InvalidArgument, NotFound, Unavailable
from ck.kernel.testing.registry import Sample, check_registry
from tests.support.layer_sink import LayerSink
from tests.support.oci_layout import AMD64, OciLayout, make_layer
from tests.support.pulling import distribution, manifest_of, opened_content, pull_layers
from tests.support.registry import Registry, free_port

pytestmark = pytest.mark.usefixtures("anonymous")
ARM = Platform(architecture="arm", variant="v7")


def test_conforms(registry: Registry, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    images = {
        platform: layout.add_image(None, [make_layer({"etc/arch": platform.architecture.encode()})], platform)
        for platform in (AMD64, ARM)
    }
    layout.add_index("multi", images)
    registry.push(layout.directory, "multi", "conform/multi:1", "--all")
    at = registry.address
    sample = Sample(
        reference=f"{at}/conform/multi:1",
        platform=ARM,
        spellings={f"{at}/x": f"{at}/x:latest", "ubuntu": "docker.io/library/ubuntu:latest"},
        malformed=("", "UPPER", "a b", "x@sha256:1"),
        missing=(f"{at}/conform/multi:2", f"{at}/conform/nothing"),
        tags=frozenset({"1"}),
        has_platforms=True,
    )
    trio.run(check_registry, distribution(), sample)


@pytest.mark.parametrize(
    ("options", "media_type"),
    [
        ((), OCI_MANIFEST),
        (("--format", "v2s2"), DOCKER_MANIFEST),
        (("--format", "oci", "--dest-compress-format", "zstd", "--dest-compress"), OCI_MANIFEST),
    ],
    ids=["oci", "schema 2", "zstd"],
)
def test_formats(options: tuple[str, ...], media_type: str, registry: Registry, tmp_path: Path) -> None:
    layers = [make_layer({"a": b"1" * 3000}, ""), make_layer({"b": b"2"}), make_layer({"c": b"3"})]
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", layers)
    registry.push(layout.directory, "t", "formats/x:1", *options)

    async def main() -> None:
        reference = f"{registry.address}/formats/x:1"
        manifest = await manifest_of(distribution(), reference)
        assert manifest.media_type == media_type
        await pull_layers(distribution(), reference, layers, await opened_content(tmp_path / "c"), LayerSink())

    trio.run(main)


def test_index_and_digests(registry: Registry, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    image = layout.add_image(None, [make_layer({"a": b"1"})])
    index = layout.add_index("t", {AMD64: image})
    registry.push(layout.directory, "t", "pinned/x:1", "--all", "--preserve-digests")
    name = f"{registry.address}/pinned/x"

    async def main() -> None:
        by_tag = await manifest_of(distribution(), f"{name}:1")
        assert (by_tag.digest, by_tag.index_digest) == (image.digest, index)
        by_index = await manifest_of(distribution(), f"{name}@{index}")
        assert by_index == by_tag
        by_digest: Manifest = await manifest_of(distribution(), f"{name}:gone@{image.digest}")
        assert by_digest == attrs.evolve(by_tag, index_digest=None)
        with pytest.raises(NotFound, match=f"no matching manifest for linux/arm/v7 in the manifest list of {name}:1"):
            await manifest_of(distribution(), f"{name}:1", ARM)

    trio.run(main)


def test_tags(registry: Registry, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [make_layer({"a": b"1"})])
    tags = [f"v{number}" for number in range(4)]
    for tag in tags:
        registry.push(layout.directory, "t", f"tagged/x:{tag}")

    async def main() -> None:
        async with distribution().source(f"{registry.address}/tagged/x:latest", None) as found:
            assert sorted(await found.tags()) == tags
        async with distribution().source(f"{registry.address}/tagged/nothing:latest", None) as found:
            with pytest.raises(NotFound, match=r"repository .*/tagged/nothing not found"):
                await found.tags()

    trio.run(main)


def test_sentences(registry: Registry) -> None:
    at, closed = registry.address, f"127.0.0.1:{free_port()}"

    async def main() -> None:
        with pytest.raises(NotFound, match=f"^manifest for {at}/no/such:1 not found$"):
            await manifest_of(distribution(), f"{at}/no/such:1")
        with pytest.raises(Unavailable, match=f"^{closed} cannot be reached: connection refused$"):
            await manifest_of(distribution(), f"{closed}/x")
        with pytest.raises(InvalidArgument, match="must be lowercase"):
            await manifest_of(distribution(), "UBUNTU")

    trio.run(main)
