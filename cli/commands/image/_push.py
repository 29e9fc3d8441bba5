"""Pushing an image: what `push` and `build --output` share."""

from __future__ import annotations

from ck.cli.client.api import Client, name
from ck.cli.credentials import auth_header
from ck.cli.errors import CliError
from ck.cli.reference import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def push(client: Client, repository: str, tag: str, out: TextIO | None) -> None:
    """Push *tag* of *repository*, "" for all tags, progress to *out* (None: quiet). Raises: ApiError, CliError."""
    headers = auth_header(registry(repository))
    messages = client.stream("POST", f"/images/{name(repository)}/push", {"tag": tag}, headers=headers)
    if out is not None:
        from ck.cli.terminal.progress import Progress

        Progress(out).show(messages)
        return
    for message in messages:
        if error := message.get("error"):
            raise CliError(str(error))
