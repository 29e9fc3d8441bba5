"""References to images in files: `oci:DIR[:TAG]` and `docker-archive:FILE[:NAME[:TAG]]`. Pure.

The spelling is that of containers-transports(5). Paths are absolute, because the engine's working directory is not
the user's. The tag `latest`, which is also what a missing tag means, names the only image of a layout that has one.
"""

import enum
import os.path
import re
from typing import Final

import attrs

from ck.kernel.errors import InvalidArgument

ONLY: Final = "latest"
PLACE: Final = "@"  # of an image without a name; what users write cannot begin so
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_NAME: Final = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9._/-]*(?::[0-9]+/[a-z0-9._/-]+)?(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)


class Transport(enum.StrEnum):
    """What kind of file holds the image."""

    OCI = "oci"
    DOCKER_ARCHIVE = "docker-archive"


@attrs.frozen(kw_only=True)
class LayoutReference:
    """`image` is a tag in an OCI layout, a name with its tag in an archive, or `latest` for the only one; "@" and its
    place in the archive, or its digest in the layout, for one that has no name."""

    transport: Transport
    path: str
    image: str

    def __str__(self) -> str:
        return f"{self.transport}:{self.path}:{self.image}"


def claims(text: str) -> bool:
    """Whether *text* is such a reference."""
    return text.partition(":")[0] in tuple(Transport) and ":" in text


def parse(text: str) -> LayoutReference:
    """Raises: InvalidArgument."""
    if not claims(text) or not text.isprintable():
        raise InvalidArgument(f"invalid reference {text!r}: expected oci:DIR[:TAG] or docker-archive:FILE[:NAME[:TAG]]")
    word, _, rest = text.partition(":")
    path, _, image = rest.partition(":")
    if not path.startswith("/"):
        raise InvalidArgument(f"invalid reference {text!r}: the path must be absolute")
    transport = Transport(word)
    image = image or ONLY
    if transport is Transport.DOCKER_ARCHIVE:
        # A name without a tag means its latest one; a lone `latest` is no name.
        tagged = image == ONLY or ":" in image.rpartition("/")[2]
        image = image if tagged else f"{image}:{ONLY}"
    if not (_TAG if transport is Transport.OCI else _NAME).fullmatch(image):
        raise InvalidArgument(f"invalid reference {text!r}: {image!r} names no image")
    return LayoutReference(transport=transport, path=os.path.normpath(path), image=image)
