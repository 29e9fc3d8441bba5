"""Pushing an image: what `push` and `build --output` share."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.commands.image._follow import follow
from ck.cli.credentials import auth_header
from ck.cli.reference import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def push(client: Client, repository: str, tag: str, out: TextIO | None) -> None:
    """Push *tag* of *repository*, "" for all tags, progress to *out* (None: quiet). Raises: ApiError, CliError."""
    headers = auth_header(registry(repository))
    follow(client.stream("POST", f"/images/{name(repository)}/push", {"tag": tag}, headers=headers), out)
