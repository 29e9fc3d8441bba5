"""Docker's config.json: which credentials, or which helper program, it names for a registry. Pure.

Format: `docker login` (docs.docker.com, "docker login", "Credential stores" and "Credential helpers").
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import InvalidArgument

DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TOKEN_USER: Final = "<token>"
"""The user name that says that the secret is an identity token."""


def read_config(raw: bytes, path: str) -> Mapping[str, Any]:
    """Raises: InvalidArgument, naming *path*."""
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise InvalidArgument(f"{path} is not a JSON object")
    return config


def server_key(registry: str) -> str:
    """What Docker calls a registry in config.json and towards helpers."""
    return DOCKER_HUB_KEY if registry == "docker.io" else registry


def helper_for(config: Mapping[str, Any], registry: str) -> str | None:
    """The program `docker-credential-NAME` to ask, if any. Raises: InvalidArgument for a name that is a path, say."""
    helpers = config.get("credHelpers")
    names = {hostname(key): name for key, name in helpers.items()} if isinstance(helpers, dict) else {}
    name = names.get(registry) or config.get("credsStore")
    if not name:
        return None
    if not isinstance(name, str) or not _HELPER.fullmatch(name):
        raise InvalidArgument(f"config.json names the credential helper {name!r}, which is no program's name")
    return f"docker-credential-{name}"


def stored(config: Mapping[str, Any], registry: str) -> Credentials | None:
    """The credentials that are in the file itself. Raises: InvalidArgument where they do not decode."""
    entries = config.get("auths")
    if not isinstance(entries, dict):
        return None
    # The exact key first: an old file may hold the registry under several spellings.
    ordered = sorted(entries.items(), key=lambda item: item[0] != server_key(registry))
    for key, entry in ordered:
        if hostname(key) == registry and isinstance(entry, dict) and (found := _credentials(entry, registry)):
            return found
    return None


def from_helper(output: bytes, helper: str) -> Credentials:
    """What `docker-credential-X get` printed. Raises: InvalidArgument."""
    answer = read_config(output, f"the output of {helper}")
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InvalidArgument(f"{helper} printed no user name and secret")
    if username == TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(username=username, password=secret)


def hostname(key: str) -> str:
    """The registry that a key of config.json means: it may be a URL, as for Docker Hub."""
    host = key.partition("://")[2] or key
    host = host.partition("/")[0]
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host


def _credentials(entry: Mapping[str, Any], registry: str) -> Credentials | None:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials(identity_token=token)
    username, password = entry.get("username"), entry.get("password")
    packed = entry.get("auth")
    if isinstance(packed, str) and packed:
        try:
            text = base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, ValueError):
            raise InvalidArgument(f"config.json holds an auth for {registry} that is not base64") from None
        # Old writers filled the end with zero bytes.
        username, _, password = text.partition(":")
        password = password.rstrip("\0")
    if isinstance(username, str) and isinstance(password, str) and username:
        return Credentials(username=username, password=password)
    return None
