"""Choosing an image out of an index by platform. Pure, but for `resolve`, which fetches what it is led to.

Names are Go's GOOS and GOARCH (OCI image-spec, image-index.md "platform"), variants those of its table
"Platform Variants".
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from ck.kernel.drivers.digest import sha256_digest
from ck.kernel.drivers.manifest import IndexEntry, read_manifest
from ck.kernel.drivers.registry import Descriptor, Manifest, Platform
from ck.kernel.errors import CorruptData, InvalidArgument, NotFound

# What uname(2) and Debian call machines, in the words of the spec.
ALIASES: Final = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
}
# The variant that is meant where none is given.
DEFAULT_VARIANTS: Final = {"amd64": "v1", "arm": "v7", "arm64": "v8"}
OLDEST_VARIANTS: Final = {"amd64": 1, "arm": 5, "arm64": 8}

_PART: Final = re.compile(r"[a-z0-9_.-]+")  # containerd's, github.com/containerd/platforms

MAX_DEPTH: Final = 4
"""Of indexes within indexes. Two are seen in the wild."""


async def resolve(raw: bytes, platform: Platform, name: str, fetch: Callable[[str], Awaitable[bytes]]) -> Manifest:
    """From a document *raw* of the image *name* to the manifest for *platform*, through as many indexes as it takes.

    *fetch* returns the document of a digest, checked. Raises: NotFound, CorruptData, Unsupported; what *fetch* does.
    """
    index_digest: str | None = None
    for _ in range(MAX_DEPTH):
        digest = sha256_digest(raw)
        document = read_manifest(raw, digest=digest, index_digest=index_digest)
        if isinstance(document, Manifest):
            return document
        index_digest = index_digest or digest
        raw = await fetch(select(document, platform, name).digest)
    raise CorruptData(f"the index {index_digest} of {name} leads through more than {MAX_DEPTH} indexes")


def parse_platform(text: str) -> Platform:
    """ "linux/arm64/v8", or an architecture alone, which is linux's. Raises: InvalidArgument."""
    if "," in text:
        raise InvalidArgument(f"several platforms at once are not possible, so name one of {text!r}")
    parts = text.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    if not 2 <= len(parts) <= 3 or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidArgument(f"platform must be os/architecture/variant, such as linux/amd64, not {text!r}")
    system, machine, given = [*parts, ""][:3]
    architecture, implied = ALIASES.get(machine, (machine, ""))
    return Platform(os=system, architecture=architecture, variant=given or implied)


def canonical(platform: Platform) -> Platform:
    """The spelling in which two names of one platform are equal: architecture as in the spec, variant filled in."""
    architecture, variant = platform.architecture.lower(), platform.variant.lower()
    architecture, implied = ALIASES.get(architecture, (architecture, ""))
    variant = variant or implied or DEFAULT_VARIANTS.get(architecture, "")
    if variant.isascii() and variant.isdigit():
        variant = f"v{variant}"
    return Platform(os=platform.os.lower(), architecture=architecture, variant=variant)


def describe(platform: Platform) -> str:
    """As Docker writes it: "linux/arm/v7"."""
    return "/".join(filter(None, (platform.os, platform.architecture, platform.variant)))


def select(entries: Iterable[IndexEntry], platform: Platform, name: str) -> Descriptor:
    """The entry that suits *platform* best: its variant, else the newest older one that the processor still runs.

    An entry without a platform is taken where none that has one fits. Attestations ("unknown/unknown") never fit.
    Raises: NotFound, naming the image *name*.
    """
    wanted = canonical(platform)
    variants = _runnable(wanted)
    best: tuple[int, Descriptor] | None = None
    for entry in entries:
        rank = len(variants)
        if entry.platform is not None:
            offered = canonical(entry.platform)
            same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
            if not same or offered.variant not in variants:
                continue
            rank = variants.index(offered.variant)
        # The first of equals wins, as the spec asks for.
        if best is None or rank < best[0]:
            best = rank, entry.descriptor
    if best is None:
        raise NotFound(f"no matching manifest for {describe(platform)} in the manifest list of {name}")
    return best[1]


def _runnable(platform: Platform) -> list[str]:
    """Variants that *platform* runs, best first."""
    oldest = OLDEST_VARIANTS.get(platform.architecture)
    number = platform.variant.removeprefix("v")
    if oldest is None or len(number) > 2 or not (number.isascii() and number.isdigit()):
        return [platform.variant]
    return [f"v{version}" for version in range(int(number), oldest - 1, -1)]
