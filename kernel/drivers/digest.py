"""Digests as the OCI image spec writes them (descriptor.md, "Digests"): "sha256:<64 hex>" or "sha512:<128 hex>"."""

import hashlib
import re
from typing import TYPE_CHECKING, Final

from ck.kernel.errors import InvalidArgument

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

DIGEST: Final = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")


def split_digest(digest: str) -> tuple[str, str]:
    """Return (algorithm, lower-case hex). Raises: InvalidArgument."""
    if DIGEST.fullmatch(digest) is None:
        raise InvalidArgument(f"invalid digest {digest!r}: expected sha256:<64 hex digits> or sha512:<128 hex digits>")
    algorithm, _, digits = digest.partition(":")
    return algorithm, digits


def new_hash(digest: str) -> "Hash":
    """A hash object of the algorithm of *digest*. Raises: InvalidArgument."""
    return hashlib.new(split_digest(digest)[0])


def matches(hashed: "Hash", digest: str) -> bool:
    """Whether what was fed to *hashed* is what *digest* names."""
    return digest == f"{hashed.name}:{hashed.hexdigest()}"


def verify(content: bytes, digest: str) -> bool:
    """Whether *digest* is that of *content*. Raises: InvalidArgument for a malformed one."""
    hashed = new_hash(digest)
    hashed.update(content)
    return matches(hashed, digest)


def sha256_digest(content: bytes) -> str:
    """The sha256 digest of *content*."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
