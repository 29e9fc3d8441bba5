"""Which entry of an index suits a platform."""

import json

import pytest
import trio

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import IndexEntry
from ck.kernel.drivers.platform import canonical, describe, parse_platform, resolve, select
from ck.kernel.drivers.registry import Descriptor, Platform
from ck.kernel.errors import CorruptData, InvalidArgument, NotFound


def platform(text: str) -> Platform:
    os, architecture, variant = (*text.split("/"), "")[:3]
    return Platform(os=os, architecture=architecture, variant=variant)


def entries(*texts: str) -> list[IndexEntry]:
    return [
        IndexEntry(
            descriptor=Descriptor(media_type="m", digest=text, size=1),
            platform=platform(text) if text != "unsaid" else None,
        )
        for text in texts
    ]


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["unknown/unknown", "linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/x86_64", ["linux/amd64"], "linux/amd64"),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
        ("linux/amd64/v1", ["linux/amd64"], "linux/amd64"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64/v8"], "linux/arm/v6"),
        ("linux/arm/6", ["linux/arm/v7", "linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
        ("linux/aarch64", ["linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64/v8", ["linux/arm64"], "linux/arm64"),
        ("linux/riscv64", ["unsaid", "linux/riscv64"], "linux/riscv64"),
        ("linux/riscv64", ["linux/amd64", "unsaid"], "unsaid"),
        ("linux/s390x/z13", ["linux/s390x/z13"], "linux/s390x/z13"),
    ],
)
def test_choice(wanted: str, offered: list[str], chosen: str) -> None:
    assert select(entries(*offered), platform(wanted), "x").digest == chosen


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("linux/amd64", []),
        ("linux/amd64", ["unknown/unknown", "windows/amd64", "linux/amd64/v2"]),
        ("linux/arm/v6", ["linux/arm/v7"]),
        ("linux/arm/v999999999999", ["linux/arm/v7"]),
    ],
)
def test_nothing_fits(wanted: str, offered: list[str]) -> None:
    with pytest.raises(NotFound, match=f"no matching manifest for {wanted} in the manifest list of x"):
        select(entries(*offered), platform(wanted), "x")


def test_canonical_is_idempotent() -> None:
    for text in ("linux/armhf", "LINUX/ARM64", "linux/386", "linux/arm/6"):
        once = canonical(platform(text))
        assert canonical(once) == once
    assert describe(canonical(platform("linux/armhf"))) == "linux/arm/v7"


def test_an_index_that_never_ends_is_refused() -> None:
    async def fetch(digest: str) -> bytes:
        return raw

    entry = {"mediaType": "m", "digest": "sha256:" + "0" * 64, "size": 1}
    raw = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    with pytest.raises(CorruptData, match=f"the index {sha256_digest(raw)} of x"):
        trio.run(resolve, raw, platform("linux/amd64"), "x", fetch)


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform(architecture="amd64")),
        ("Linux/ARM64/v8", Platform(architecture="arm64", variant="v8")),
        ("aarch64", Platform(architecture="arm64")),
        ("linux/armhf", Platform(architecture="arm", variant="v7")),
        ("linux/arm/7", Platform(architecture="arm", variant="7")),
        ("windows/bogus_1.0-x", Platform(os="windows", architecture="bogus_1.0-x")),
    ],
)
def test_platforms_as_people_write_them(text: str, platform: Platform) -> None:
    assert parse_platform(text) == platform


@pytest.mark.parametrize("text", ["", "/amd64", "linux/", "linux//v7", "a/b/c/d", "a b", "a/\xe4", "a/b\n"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidArgument, match="platform must be os/architecture/variant"):
        parse_platform(text)


def test_one_platform_at_a_time() -> None:
    with pytest.raises(InvalidArgument, match="name one of 'linux/amd64,linux/arm64'"):
        parse_platform("linux/amd64,linux/arm64")
