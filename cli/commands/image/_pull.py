"""Pulling an image: what `pull`, `run` and `create` share."""

from __future__ import annotations

from ck.cli.client.api import Client
from ck.cli.commands.image._follow import follow
from ck.cli.credentials import auth_header
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
    follow(client.stream("POST", "/images/create", query, headers=headers), out)
