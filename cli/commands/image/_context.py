"""What `ck build` sends: a directory by its name, as the engine is on this machine, and beside it what is not in it."""

from __future__ import annotations

import os
from binascii import b2a_base64

from ck.cli.client.codec import dumps
from ck.cli.errors import CliError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_DOCKERFILE = "Dockerfile"
_IGNOREFILE = "Dockerignore"


def dockerfile_of(context: str, given: str) -> tuple[str, dict[str, bytes]]:
    """The Dockerfile's path in the directory *context*, or where it lies elsewhere ("-": standard input) a name and
    what is to be sent: its text, and its own .dockerignore if it has one. Raises: CliError."""
    if not given or given == "-":
        return dockerfile_of_upload(given)
    inside = os.path.relpath(os.path.realpath(given), os.path.realpath(context))
    return _read(given) if inside.startswith("..") else (inside, {})


def dockerfile_of_upload(given: str) -> tuple[str, dict[str, bytes]]:
    """The same where the context is no directory here: a relative path is of the context, an absolute one is not.
    Raises: CliError."""
    if given == "-":
        return _DOCKERFILE, {_DOCKERFILE: os.fdopen(0, "rb", closefd=False).read()}
    return _read(given) if given.startswith("/") else (given or _DOCKERFILE, {})


def _read(path: str) -> tuple[str, dict[str, bytes]]:
    sent: dict[str, bytes] = {}
    try:
        with open(path, "rb") as file:
            sent[_DOCKERFILE] = file.read()
        ignored = f"{path}.dockerignore"
        if os.path.exists(ignored):
            with open(ignored, "rb") as file:
                sent[_IGNOREFILE] = file.read()
    except OSError as error:
        raise CliError(f"cannot read the Dockerfile {path}: {error.strerror}") from None
    return path, sent


def read_secrets(given: Iterable[str]) -> dict[str, bytes]:
    """`id=ID[,src=PATH|,env=NAME]`, by ID. Raises: UsageError, CliError."""
    secrets: dict[str, bytes] = {}
    for text in given:
        fields = dict(field.partition("=")[::2] for field in text.split(","))
        name = fields.get("id", "")
        if not name or "/" in name or set(fields) - {"id", "src", "source", "env", "type"}:
            raise UsageError(f'invalid argument "{text}" for "--secret" flag: expected id=ID[,src=PATH|,env=NAME]', 125)
        path = fields.get("src") or fields.get("source")
        variable = fields.get("env") or ("" if path else name)
        try:
            if path:
                with open(path, "rb") as file:
                    secrets[name] = file.read()
            elif variable in os.environ:
                secrets[name] = os.fsencode(os.environ[variable])
            elif fields.get("env"):
                raise CliError(f"cannot read the secret {name}: the environment has no {variable}")
            else:
                with open(name, "rb") as file:
                    secrets[name] = file.read()
        except OSError as error:
            raise CliError(f"cannot read the secret {name}: {path or name}: {error.strerror}") from None
    return secrets


def read_agents(given: Iterable[str]) -> dict[str, str]:
    """`default`, or `ID=SOCKET`: sockets of SSH agents, by ID. Raises: CliError."""
    agents: dict[str, str] = {}
    for text in given:
        name, _, path = text.partition("=")
        path = path or os.environ.get("SSH_AUTH_SOCK", "")
        if not path:
            raise CliError(f"--ssh {text}: SSH_AUTH_SOCK is not set: is an agent running?")
        if not os.path.exists(path):
            raise CliError(f"--ssh {text}: {path}: No such file or directory")
        agents[name or "default"] = os.path.abspath(path)
    return agents


def private_body(dockerfile: dict[str, bytes], secrets: dict[str, bytes]) -> bytes:
    """What goes before the context and is not of it, b"" for nothing."""
    if not dockerfile and not secrets:
        return b""
    encoded = {name: _base64(content) for name, content in dockerfile.items()}
    return dumps(encoded | {"Secrets": {name: _base64(content) for name, content in secrets.items()}})


def _base64(content: bytes) -> str:
    return b2a_base64(content, newline=False).decode()
