"""Registry credentials: config.json and Docker's credential helpers (docker-credential-helpers protocol)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from ck.cli.client.api import warn
from ck.cli.client.codec import dumps
from ck.cli.config import read_config, write_config
from ck.cli.errors import CliError
from ck.cli.reference import DOCKER_HUB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOKEN_USER = "<token>"  # a helper's user name that says: the secret is an identity token


def auth_header(server: str) -> dict[str, str]:
    """The header that hands the engine our credentials for *server*, {} where we have none. Raises: CliError."""
    found = find(server)
    return {"X-Registry-Auth": b2a_base64(dumps(found), newline=False).translate(URL_SAFE).decode()} if found else {}


def all_auths_header() -> dict[str, str]:
    """The header that hands the engine all our credentials, {} without any: a build may pull from anywhere, and need
    not, so that those which cannot be had are a warning. Raises: CliError."""
    config = read_config()
    found = {}
    for server in dict.fromkeys([*(config.get("auths") or {}), *(config.get("credHelpers") or {})]):
        try:
            credentials = find(server)
        except CliError as error:
            warn([f"no credentials for {server}: {error}"])
            continue
        if credentials:
            found[server] = credentials
    return {"X-Registry-Config": b2a_base64(dumps(found), newline=False).translate(URL_SAFE).decode()} if found else {}


URL_SAFE = bytes.maketrans(b"+/", b"-_")


def find(server: str) -> dict[str, str]:
    """The API's AuthConfig for *server*, {} where there is none. Raises: CliError."""
    config = read_config()
    if helper := _helper(config, server):
        return _from_helper(helper, server)
    for key, entry in (config.get("auths") or {}).items():
        if key == server or _host(key) == _host(server):
            return _decoded(entry, server)
    return {}


def _host(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _decoded(entry: dict[str, Any], server: str) -> dict[str, str]:
    if token := entry.get("identitytoken"):
        return {"identitytoken": token, "serveraddress": server}
    if not entry.get("auth"):
        return {}
    try:
        user, _, password = a2b_base64(entry["auth"]).decode().partition(":")
    except ValueError:
        raise CliError(f"the credentials for {server} in the config file are not base64") from None
    return {"username": user, "password": password.rstrip("\0"), "serveraddress": server}


def _helper(config: dict[str, Any], server: str) -> str:
    helpers = config.get("credHelpers") or {}
    return str(helpers.get(server) or helpers.get(_host(server)) or config.get("credsStore") or "")


def _from_helper(helper: str, server: str) -> dict[str, str]:
    import json

    output = _call_helper(helper, "get", server)
    if output is None:
        return {}
    try:
        answer = json.loads(output)
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, LookupError, TypeError):
        raise CliError(f"credential helper docker-credential-{helper} answered with no credentials") from None
    if user == TOKEN_USER:
        return {"identitytoken": secret, "serveraddress": server}
    return {"username": user, "password": secret, "serveraddress": server}


def _call_helper(helper: str, verb: str, data: str) -> str | None:
    """The helper's answer, None where it has no such credentials. Raises: CliError."""
    import subprocess

    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, verb], input=data, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CliError(f"credential helper {program} is not installed") from None
    except OSError as error:
        raise CliError(f"credential helper {program} cannot be run: {error.strerror}") from None
    if done.returncode == 0:
        return done.stdout
    message = (done.stdout or done.stderr).strip()
    if "not found" in message:
        return None
    raise CliError(f"credential helper {program} failed: {message}")


def store(server: str, user: str, secret: str, identity_token: str = "") -> None:
    """Keep credentials: with the helper if one is configured, else in config.json. Raises: CliError."""
    config = read_config()
    if helper := _helper(config, server):
        name = TOKEN_USER if identity_token else user
        entry = {"ServerURL": server, "Username": name, "Secret": identity_token or secret}
        _call_helper(helper, "store", dumps(entry).decode())
        config.setdefault("auths", {})[server] = {}
    else:
        auth = b2a_base64(f"{user}:{'' if identity_token else secret}".encode(), newline=False).decode()
        config.setdefault("auths", {})[server] = {"auth": auth} | (
            {"identitytoken": identity_token} if identity_token else {}
        )
    write_config(config)


def erase(server: str) -> bool:
    """Forget the credentials; return whether there were any. Raises: CliError."""
    config = read_config()
    known = server in (config.get("auths") or {})
    if helper := _helper(config, server):
        _call_helper(helper, "erase", server)
    if known:
        del config["auths"][server]
        write_config(config)
    return known


def server_of(argument: str) -> str:
    """The key for what the user calls a server: a host name without scheme, or Docker Hub."""
    if not argument or _host(argument) in {"docker.io", "index.docker.io", "registry-1.docker.io"}:
        return DOCKER_HUB
    return _host(argument)
