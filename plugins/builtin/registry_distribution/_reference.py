"""Image references: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, with Docker Hub's defaults. Pure.

The grammar is that of the distribution project's reference package, which Docker and the OCI distribution spec share.
"""

import re
from typing import Final

import attrs

from ck.kernel.drivers.digest import split_digest
from ck.kernel.errors import InvalidArgument

DOCKER_HUB: Final = "docker.io"
OFFICIAL: Final = "library/"
DEFAULT_TAG: Final = "latest"
MAX_NAME: Final = 255

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_WORD: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
PATH: Final = re.compile(rf"{_WORD}(?:/{_WORD})*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IMAGE_ID: Final = re.compile(r"[a-f0-9]{64}")


@attrs.frozen(kw_only=True)
class Reference:
    """A complete reference: it has a tag, a digest or both. With a digest the tag only tells people what it was."""

    host: str  # "docker.io", "localhost:5000"
    path: str  # "library/ubuntu"
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def repository(self) -> str:
        """Without tag and digest."""
        return f"{self.host}/{self.path}"

    @property
    def target(self) -> str:
        """What the manifest is asked for by."""
        return self.digest or self.tag


def parse(text: str) -> Reference:
    """Read what a user typed. Raises: InvalidArgument; the sentences are Docker's, which people search for."""
    name, at, digest = text.partition("@")
    if _IMAGE_ID.fullmatch(text):
        raise InvalidArgument(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    host, path = _split_host(name)
    path, colon, tag = path.partition(":")
    if path.lower() != path:
        raise InvalidArgument(f"invalid reference format: repository name ({path}) must be lowercase")
    if not HOST.fullmatch(host) or not PATH.fullmatch(path) or (colon and not TAG.fullmatch(tag)):
        raise InvalidArgument(f"invalid reference format: {text!r}")
    if len(host) + 1 + len(path) > MAX_NAME:
        raise InvalidArgument(f"invalid reference format: repository name must not be more than {MAX_NAME} characters")
    if at:
        split_digest(digest)
    elif not tag:
        tag = DEFAULT_TAG
    return Reference(host=host, path=path, tag=tag, digest=digest)


def familiar(text: str) -> str:
    """The short spelling of a normalized reference, or of its repository: without what `parse` would add."""
    rest = text.removeprefix(f"{DOCKER_HUB}/")
    if rest == text or has_host(rest):
        return text
    official = rest.removeprefix(OFFICIAL)
    return rest if "/" in official else official


def _split_host(name: str) -> tuple[str, str]:
    if has_host(name):
        host, _, path = name.partition("/")
        if host == f"index.{DOCKER_HUB}":
            host = DOCKER_HUB
    else:
        host, path = DOCKER_HUB, name
    if host == DOCKER_HUB and "/" not in path:
        path = OFFICIAL + path
    return host, path


def has_host(name: str) -> bool:
    """Whether the first part is a host: it has a dot, a port or a capital letter, which no part of a path may have."""
    first, slash, _ = name.partition("/")
    return bool(slash) and (first == "localhost" or "." in first or ":" in first or first.lower() != first)
