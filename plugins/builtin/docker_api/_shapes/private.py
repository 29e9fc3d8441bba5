"""What goes along with a build and is not of its context, as ck's client sends it. Pure."""

from collections.abc import Mapping
from typing import Final

import attrs

from ck.kernel.api.build import Secret
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.reference import unbase64
from ck.plugins.builtin.docker_api.exchange import parse_json

_WHAT: Final = "what goes along with the build"


@attrs.frozen(kw_only=True)
class Private:
    """A Dockerfile and its own .dockerignore that lie outside the context, and secrets by their IDs."""

    dockerfile: bytes | None = attrs.field(default=None, repr=False)
    ignorefile: bytes | None = attrs.field(default=None, repr=False)
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)


def load_private(text: bytes) -> Private:
    """A JSON object, all contents in base64. Raises: InvalidArgument, which shows nothing of a content."""
    fields = parse_json(text, _WHAT)
    if not isinstance(fields, dict) or fields.keys() - {"Dockerfile", "Dockerignore", "Secrets"}:
        raise InvalidArgument(f"{_WHAT} must be an object with Dockerfile, Dockerignore and Secrets")
    secrets = fields.get("Secrets", {})
    if not isinstance(secrets, dict):
        raise InvalidArgument("Secrets must be an object")
    return Private(
        dockerfile=_content(fields["Dockerfile"], "Dockerfile") if "Dockerfile" in fields else None,
        ignorefile=_content(fields["Dockerignore"], "Dockerignore") if "Dockerignore" in fields else None,
        secrets={name: Secret(content=_content(text, f"the secret {name}")) for name, text in secrets.items()},
    )


def _content(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a string")
    return unbase64(value, name)
