"""Pulling an image: what `pull`, `run` and `create` share."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.credentials import auth_header
from ck.cli.errors import CliError
from ck.cli.reference import absolute, has_tags, registry, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def pull(client: Client, reference: str, out: TextIO | None, *, platform: str = "", all_tags: bool = False) -> None:
    """Pull *reference*, progress to *out* (None: quiet). Raises: ApiError, CliError."""
    reference = absolute(reference)
    headers: dict[str, str] = {}
    query: dict[str, object] = {"fromImage": reference, "platform": platform}
    if has_tags(reference):
        headers = auth_header(registry(reference))
        image, tag = split(reference)
        query |= {"fromImage": image, "tag": "" if all_tags else tag or "latest"}
    messages = client.stream("POST", "/images/create", query, headers=headers)
    if out is not None:
        from ck.cli.terminal.progress import Progress

        Progress(out).show(messages)
        return
    for message in messages:
        if error := message.get("error"):
            raise CliError(str(error))
