"""References, platforms and credentials as pulls give them. Pure."""

import base64
import binascii
import re
from typing import Any, Final

from ck.kernel.drivers.platform import parse_platform
from ck.kernel.drivers.registry import Credentials, Platform
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.codec import TEXT, Field, Json, Table
from ck.plugins.builtin.docker_api.exchange import parse_json

# Letters before a colon, unless what follows is the port of a registry.
_PLACE: Final = re.compile(r"[a-z][a-z-]*:(?!\d+/)")

AUTH: Final = Table(
    Field("username", "username", TEXT),
    Field("password", "password", TEXT),
    Field("identitytoken", "identity_token", TEXT),
    ignored=("auth", "email", "serveraddress"),
)


def pull_reference(image: str, tag: str) -> str:
    """`fromImage` and `tag` in one; a tag that is a digest pins."""
    if not image:
        raise InvalidArgument("fromImage must name an image to pull")
    return image if "@" in image else tagged(image, tag)


def tagged(repo: str, tag: str) -> str:
    """`repo` and `tag`, which may be a digest, in one; "" without the first."""
    if not repo or not tag:
        return repo
    return f"{repo}@{tag}" if ":" in tag else f"{repo}:{tag}"


def asks_for_all_tags(image: str, tag: str) -> bool:
    """Neither tag nor digest: Docker pulls every tag of the repository. A place such as oci:/dir is none."""
    named = tag or "@" in image or ":" in image.rpartition("/")[2] or _PLACE.match(image)
    return not named


def platform_of(text: str) -> Platform | None:
    """ "linux/arm64/v8", "arm64" or a JSON object -> a Platform; "" -> None. Raises: InvalidArgument."""
    if not text.startswith("{"):
        return parse_platform(text) if text else None
    fields = parse_json(text.encode(), "platform")
    parts = [fields.get("os") or "linux", fields.get("architecture") or "", fields.get("variant") or ""]
    if not all(isinstance(part, str) for part in parts):
        raise InvalidArgument(f"the platform's os, architecture and variant must be texts, not {text!r}")
    return parse_platform("/".join(parts).removesuffix("/"))


def load_credentials(auth: Json) -> Credentials | None:
    """An AuthConfig; None where it holds nothing. `auth` is base64 of "user:password", as in config.json."""
    fields: dict[str, Any] = AUTH.load(auth, "the credentials' ")
    if isinstance(encoded := auth.get("auth"), str) and encoded and not fields.get("username"):
        username, colon, password = unbase64(encoded, "the credentials' auth").partition(b":")
        if colon:
            fields |= {"username": username.decode(errors="replace"), "password": password.decode(errors="replace")}
    credentials = Credentials(**fields)
    return credentials if credentials != Credentials() else None


def header_credentials(header: str) -> Credentials | None:
    """X-Registry-Auth: base64url of an AuthConfig. Raises: InvalidArgument for a malformed one."""
    if not header:
        return None
    auth = decode_header(header, "X-Registry-Auth")
    if auth is not None and not isinstance(auth, dict):
        raise InvalidArgument("X-Registry-Auth must hold a JSON object")
    return load_credentials(auth or {})


def decode_header(text: str, name: str) -> Any:
    """The JSON value that the header *name* holds in base64url. Raises: InvalidArgument."""
    return parse_json(unbase64(text, name), name)


def unbase64(text: str, name: str) -> bytes:
    """Either alphabet, padded or not: clients differ."""
    try:
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"{name} is not valid base64") from None
