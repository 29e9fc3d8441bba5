"""What every registry driver must do. Usable without pytest: `trio.run(check_registry, driver, sample)`.

A check that fails raises AssertionError with a sentence that says what the driver did.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from ck.kernel.drivers.digest import verify
from ck.kernel.drivers.manifest import read_manifest
from ck.kernel.drivers.registry import Descriptor, ImageSource, Manifest, Platform, RegistryDriver
from ck.kernel.errors import CkError, InvalidArgument, NotFound

NOWHERE: Final = Platform(os="plan9", architecture="vax")


@attrs.frozen(kw_only=True)
class Sample:
    """What a driver is tried with: an image that is there, spellings, and references that are not.

    `spellings` maps what users type to its normalized form. `malformed` must be InvalidArgument, `missing` NotFound.
    `tags` are those of the image's repository.
    With `has_platforms` the image is an index, which has nothing for an unheard-of platform.
    """

    reference: str
    platform: Platform
    spellings: Mapping[str, str] = attrs.field(factory=dict)
    malformed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    has_platforms: bool = False


async def check_registry(driver: RegistryDriver, sample: Sample) -> None:
    """Run all checks."""
    _expect(isinstance(driver, RegistryDriver), "it is no RegistryDriver")
    _expect(isinstance(driver.local, bool), f"it does not say whether it is local: {driver.local!r}")
    check_references(driver, sample)
    await check_image(driver, sample)
    await check_missing(driver, sample)


def check_references(driver: RegistryDriver, sample: Sample) -> None:
    """`normalize` is idempotent, `familiar` loses nothing, and what is malformed is refused."""
    for typed, expected in {sample.reference: "", **sample.spellings}.items():
        _expect(driver.claims(typed), f"it does not claim {typed!r}")
        normalized = driver.normalize(typed)
        _expect(expected in ("", normalized), f"{typed!r} is normalized to {normalized!r}, not {expected!r}")
        _expect(driver.normalize(normalized) == normalized, f"{normalized!r} is not stable under normalize")
        short = driver.familiar(normalized)
        _expect(driver.normalize(short) == normalized, f"the familiar {short!r} does not mean {normalized!r}")
    for typed in sample.malformed:
        try:
            driver.normalize(typed)
        except InvalidArgument:
            continue
        raise AssertionError(f"registry driver: normalize takes the malformed {typed!r}")


async def check_image(driver: RegistryDriver, sample: Sample) -> None:
    """The manifest is what its digest says, and every blob is what its descriptor says, from any offset."""
    async with driver.source(driver.normalize(sample.reference), None) as source:
        tags = await source.tags()
        _expect(sorted(tags) == sorted(sample.tags), f"the tags are {tags}, not {sorted(sample.tags)}")
        manifest = await source.manifest(sample.platform)
        _expect(verify(manifest.raw, manifest.digest), "the manifest does not have its digest")
        document = await source.document()
        _expect(verify(document.raw, document.digest), "the document does not have its digest")
        _expect(
            document.digest in (manifest.digest, manifest.index_digest),
            f"the document {document.digest} is not what led to the manifest {manifest.digest}",
        )
        parsed = read_manifest(manifest.raw, digest=manifest.digest)
        _expect(
            isinstance(parsed, Manifest) and (parsed.config, parsed.layers) == (manifest.config, manifest.layers),
            "config and layers are not those of the raw manifest",
        )
        for descriptor in (manifest.config, *manifest.layers):
            whole = await _read(source, descriptor, 0)
            _expect(len(whole) == descriptor.size, f"{descriptor.digest} has {len(whole)} bytes, not {descriptor.size}")
            _expect(verify(whole, descriptor.digest), f"{descriptor.digest} has other bytes")
            for offset in {0, 1, descriptor.size // 2, descriptor.size}:
                rest = await _read(source, descriptor, offset)
                _expect(rest == whole[offset:], f"{descriptor.digest} from byte {offset} on has other bytes")


async def check_missing(driver: RegistryDriver, sample: Sample) -> None:
    """What is not there is NotFound: an image, a platform in an index."""
    for reference in sample.missing:
        await _not_found(driver, reference, sample.platform)
    if sample.has_platforms:
        await _not_found(driver, sample.reference, NOWHERE)


async def _not_found(driver: RegistryDriver, reference: str, platform: Platform) -> None:
    try:
        async with driver.source(driver.normalize(reference), None) as source:
            await source.manifest(platform)
    except NotFound:
        return
    except CkError as error:
        raise AssertionError(f"registry driver: {reference!r} raises {error!r}, not NotFound") from error
    raise AssertionError(f"registry driver: {reference!r} for {platform} is found")


async def _read(source: ImageSource, descriptor: Descriptor, offset: int) -> bytes:
    async with source.blob(descriptor, offset) as chunks:
        return b"".join([chunk async for chunk in chunks])


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(f"registry driver: {otherwise}")
