"""Creating a container, its image pulled first where it is missing."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client, warn
from ck.cli.commands.container._flags import PULL_CHOICES
from ck.cli.errors import ApiError, CliError
from ck.cli.reference import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ck.cli.flags import Args


def create(client: Client, args: Args, body: dict[str, Any], meanwhile: Callable[[], None] | None = None) -> str:
    """Create the container that *args* and *body* describe; return its ID. *meanwhile* is called while the engine is
    at it. Raises: ApiError, CliError."""
    policy = args.choice("pull", PULL_CHOICES)
    body["Image"] = absolute(body["Image"])
    cidfile = args.text("cidfile")
    if cidfile:
        _claim(cidfile)
    try:
        if policy == "always":
            _pull(client, args, body["Image"])
        try:
            created = _post(client, args, body, meanwhile)
        except ApiError as error:
            if policy != "missing" or not _image_is_missing(error, body["Image"]):
                raise
            if not args.on("quiet"):
                sys.stderr.write(f"Unable to find image '{_familiar(body['Image'])}' locally\n")
            _pull(client, args, body["Image"])
            created = _post(client, args, body)
    except BaseException:
        if cidfile:
            _unclaim(cidfile)
        raise
    warn(created.get("Warnings"))
    identifier = str(created["Id"])
    if cidfile:
        with open(cidfile, "w", encoding="utf-8") as file:
            file.write(identifier)
    return identifier


def _post(client: Client, args: Args, body: dict[str, Any], meanwhile: Callable[[], None] | None = None) -> Any:
    return client.post("/containers/create", body, meanwhile, name=args.text("name"), platform=args.text("platform"))


def _image_is_missing(error: ApiError, image: str) -> bool:
    """Other things may be missing too (a volume driver, a network): those errors do not speak of the image."""
    return error.status == 404 and "image" in str(error).lower()


def _pull(client: Client, args: Args, image: str) -> None:
    from ck.cli.commands.image._pull import pull

    pull(client, image, None if args.on("quiet") else sys.stderr, platform=args.text("platform"))


def _familiar(image: str) -> str:
    from ck.cli.reference import has_tags, split

    return image if split(image)[1] or not has_tags(image) else f"{image}:latest"


def _claim(path: str) -> None:
    try:
        open(path, "x").close()
    except FileExistsError:
        raise CliError(
            f"container ID file found, make sure the other container isn't running or delete {path}"
        ) from None
    except OSError as error:
        raise CliError(f"failed to create the container ID file {path}: {error.strerror}") from None


def _unclaim(path: str) -> None:
    import os

    os.unlink(path)
