"""API versions: which are served, and what differs between them, as small pure functions.

Source: the Docker Engine API's version history (docs/api/version-history.md of Docker).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ck.kernel.errors import InvalidArgument

ApiVersion = tuple[int, int]

ENGINE: Final = "0.1.0"
"""That of pyproject.toml (a test compares them): importlib.metadata takes 25 ms to import."""

MINIMUM: Final[ApiVersion] = (1, 24)
NEWEST: Final[ApiVersion] = (1, 51)


def spell(version: ApiVersion) -> str:
    """(1, 24) -> "1.24"."""
    return f"{version[0]}.{version[1]}"


def check(version: ApiVersion) -> ApiVersion:
    """Return *version* if it is served. Raises: InvalidArgument in Docker's words, which clients parse."""
    if version < MINIMUM:
        raise InvalidArgument(
            f"client version {spell(version)} is too old. Minimum supported API version is {spell(MINIMUM)}, "
            "please upgrade your client to a newer version"
        )
    if version > NEWEST:
        raise InvalidArgument(
            f"client version {spell(version)} is too new. Maximum supported API version is {spell(NEWEST)}"
        )
    return version


def stream_type(version: ApiVersion, *, tty: bool) -> str:
    """The media type of attached output and logs: before 1.42 frames had no type of their own."""
    framed = not tty and version >= (1, 42)
    return f"application/vnd.docker.{'multiplexed' if framed else 'raw'}-stream"


def wait_answers_early(version: ApiVersion) -> bool:
    """From 1.30 on the head of a wait's response is sent as soon as the wait is armed."""
    return version >= (1, 30)


def create_defaults(body: Mapping[str, Any], version: ApiVersion) -> dict[str, Any]:
    """The body of a create as a client of *version* means it."""
    host = dict(body.get("HostConfig") or {})
    if version < (1, 40) and not host.get("IpcMode"):
        host["IpcMode"] = "shareable"
    if version < (1, 40):
        host.pop("PidsLimit", None)
    if version < (1, 43):
        host.pop("Annotations", None)
    return {**body, "HostConfig": host}


def prune_filters(filters: Mapping[str, Sequence[str]], version: ApiVersion) -> dict[str, Sequence[str]]:
    """Before 1.42 a prune of volumes took named volumes too."""
    return {**filters, "all": ["true"]} if version < (1, 42) else dict(filters)


def image_fields(image: dict[str, Any], version: ApiVersion) -> dict[str, Any]:
    """An image, summary or whole, with the fields that older clients expect."""
    if version < (1, 44):
        image["VirtualSize"] = image["Size"]
    if version < (1, 43) and "Containers" in image:
        # Summaries of images without a name had one made up.
        image["RepoTags"] = image["RepoTags"] or ["<none>:<none>"]
        image["RepoDigests"] = image["RepoDigests"] or ["<none>@<none>"]
    if version < (1, 45) and "RootFS" in image:
        image["Container"] = ""
        image["ContainerConfig"] = None
    return image


def usage_fields(usage: dict[str, Any], version: ApiVersion) -> dict[str, Any]:
    """`system df` named the size of the build cache until 1.42."""
    if version < (1, 42):
        usage["BuilderSize"] = 0
    return usage
