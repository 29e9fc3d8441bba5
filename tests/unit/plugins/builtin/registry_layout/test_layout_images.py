"""Images out of layout directories and archives, honest and hostile."""

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.drivers.registry import Credentials, Manifest, Platform
from ck.kernel.errors import CkError, CorruptData, InvalidArgument, NotFound, Unsupported
from ck.kernel.testing.registry import Sample, check_registry
from ck.plugins.builtin.registry_layout._archive import choose, read_archive
from ck.plugins.builtin.registry_layout.plugin import ck_register_registry, make
from tests.support.oci_layout import AMD64, OciLayout, digest_of, make_layer, tar_of

ARM64 = Platform(architecture="arm64")


def manifest_of(reference: str, platform: Platform = AMD64) -> Manifest:
    async def main() -> Manifest:
        driver = make({})
        async with driver.source(driver.normalize(reference), None) as source:
            return await source.manifest(platform)

    return trio.run(main)


def save(path: Path, compression: str, linked: bool = False) -> bytes:
    """What an old `docker save` writes: one image "x:1" of two equal layers; return its config."""
    layer = make_layer({"a": b"1"}, compression)
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [layer.diff_id] * 2}}).encode()
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["one/layer.tar", "two/layer.tar"]}]
    files = {"c.json": config, "one/layer.tar": layer.blob, "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = (
            (tarfile.LNKTYPE, "one/layer.tar") if linked else (tarfile.SYMTYPE, "../one/layer.tar")
        )
        tar.addfile(link)
    return config


def test_layout_conforms(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "l")
    images = {
        platform: layout.add_image(None, [make_layer({"a": b"1" * 5000}), make_layer({"b": b""}, "zstd")], platform)
        for platform in (AMD64, ARM64)
    }
    layout.add_index("multi", images)
    layout.add_image("single", [make_layer({"c": b"3"}, "")])
    at = f"oci:{layout.directory}"
    sample = Sample(
        reference=f"{at}:multi",
        platform=ARM64,
        malformed=("oci:relative", f"{at}:a:b"),
        missing=(f"{at}:nothing", f"oci:{tmp_path}/nothing", at),
        has_platforms=True,
    )
    trio.run(check_registry, make({}), sample)
    trio.run(check_registry, make({}), Sample(reference=f"{at}:single", platform=AMD64))


def test_the_only_image_needs_no_tag(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "l")
    image = layout.add_image("v1", [make_layer({"a": b"1"})])
    assert manifest_of(f"oci:{layout.directory}").digest == image.digest
    with pytest.raises(NotFound, match="v2 not found; the layout holds v1"):
        manifest_of(f"oci:{layout.directory}:v2")


def test_damaged_layouts(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "l")
    image = layout.add_image("t", [make_layer({"a": b"1"})])
    blob = layout.directory / "blobs" / "sha256" / image.digest.removeprefix("sha256:")
    blob.write_bytes(image.manifest + b" ")
    with pytest.raises(CorruptData, match="does not have the bytes"):
        manifest_of(f"oci:{layout.directory}")
    blob.unlink()
    with pytest.raises(NotFound, match="cannot open"):
        manifest_of(f"oci:{layout.directory}")
    (layout.directory / "oci-layout").write_text('{"imageLayoutVersion": "9"}')
    with pytest.raises(CorruptData, match="unknown layout version '9'"):
        manifest_of(f"oci:{layout.directory}")


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_docker_archive_conforms(compression: str, linked: bool, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    config = save(path, compression, linked)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    at = f"docker-archive:{path}"
    trio.run(check_registry, make({}), Sample(reference=at, platform=AMD64, missing=(f"{at}:x:2", f"{at}x")))
    manifest = manifest_of(f"{at}:x:1")
    assert manifest == manifest_of(at)
    assert manifest.config.digest == digest_of(config)
    assert len(manifest.layers) == 2


def test_oci_layout_in_an_archive(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "l")
    image = layout.add_image("t", [make_layer({"a": b"1"})])
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(layout.directory, ".")
    reference = f"docker-archive:{tmp_path}/x.tar"
    assert manifest_of(reference).digest == image.digest
    trio.run(check_registry, make({}), Sample(reference=reference, platform=AMD64))


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"manifest.json": b"{}"}, CorruptData),
        ({"manifest.json": b"[]"}, InvalidArgument),
        ({"manifest.json": b'[{"Config":"c","Layers":[]}]'}, NotFound),
        ({"manifest.json": b'[{"Config":"c","Layers":[]}]', "c": b"{}"}, CorruptData),
        ({"manifest.json": b'[{"Config":"c","Layers":["l"]}]', "c": b'{"rootfs":{"diff_ids":[]}}'}, CorruptData),
        (
            {"manifest.json": b'[{"Config":"c","Layers":["l"]}]', "c": b'{"rootfs":{"diff_ids":["x"]}}', "l": b""},
            CorruptData,
        ),
        ({"manifest.json/": b""}, CorruptData),
        ({}, NotFound),
    ],
)
def test_hostile_archives(files: dict[str, bytes], kind: type[CkError], tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(files))
    with pytest.raises(kind):
        manifest_of(f"docker-archive:{tmp_path}/x.tar")


def test_what_is_no_tar(tmp_path: Path) -> None:
    for content in (b"", b"text" * 1000, gzip.compress(b"text"), b"\x1f\x8bbroken"):
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises((InvalidArgument, NotFound)):
            manifest_of(f"docker-archive:{tmp_path}/x.tar")


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "manifest.json"
        tar.addfile(entry)
    with pytest.raises(CorruptData, match="not a regular file"):
        manifest_of(f"docker-archive:{tmp_path}/x.tar")


def test_a_blob_that_is_a_fifo(tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "l")
    (layout.directory / "index.json").unlink()
    os.mkfifo(layout.directory / "index.json")
    with pytest.raises(CorruptData, match="not a regular file"):
        manifest_of(f"oci:{layout.directory}")


def test_plugin() -> None:
    driver = ck_register_registry()["layout"]({})
    assert driver.name == "layout"
    with pytest.raises(InvalidArgument, match="'colour'"):
        make({"colour": 1})
    with pytest.raises(Unsupported, match="'x'"):
        trio.run(driver.login, "x", Credentials())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Config", "Layers", "RepoTags"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values, st.sampled_from(["latest", "x:1"]))
def test_hostile_archive_manifests(document: object, wanted: str) -> None:
    try:
        choose(read_archive(json.dumps(document).encode()), wanted)
    except (CorruptData, InvalidArgument, NotFound) as error:
        assert str(error)
