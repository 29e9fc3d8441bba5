"""Where the result of `ck build --output` goes, when it is no image."""

from __future__ import annotations

import os

from ck.cli.client.api import Client
from ck.cli.errors import CliError, UsageError
from ck.cli.output.download import download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("local", "tar", "docker", "oci", "image")


def parse_output(text: str) -> tuple[str, str]:
    """`DIRECTORY`, `-`, or `type=KIND[,dest=PATH]`: a kind and a path, "" for standard output. Raises: UsageError."""
    if "=" not in text:
        return ("tar", "") if text == "-" else ("local", text)
    fields = dict(field.partition("=")[::2] for field in text.split(","))
    kind, path = fields.get("type", ""), fields.get("dest", "")
    if kind not in KINDS or (kind == "local" and not path):
        raise UsageError(
            f'invalid argument "{text}" for "-o, --output" flag: expected type=local|tar|docker|oci[,dest=PATH]', 125
        )
    return kind, "" if path == "-" else path


def write_result(client: Client, names: Sequence[str], kind: str, path: str) -> None:
    """Write the files of the image that *names* are, or the image itself by these names, to *path*. Raises: CliError,
    ApiError."""
    if kind in ("docker", "oci"):
        download(path, lambda: client.request("GET", "/images/get", {"names": names}).chunks())
        return
    # Of an image without a command there can be a container too, if it names one; it is never run.
    container = client.post(
        "/containers/create", {"Image": names[0], "Cmd": ["none"], "HostConfig": {"NetworkMode": "none"}}
    )["Id"]
    try:
        export = f"/containers/{container}/export"
        if kind == "tar":
            download(path, lambda: client.request("GET", export).chunks())
        else:
            _unpack(client, export, path)
    finally:
        client.delete(f"/containers/{container}", force=True)


def _unpack(client: Client, export: str, path: str) -> None:
    from ck.cli.commands.container._archive import unpack_all

    try:
        os.makedirs(path, exist_ok=True)
        unpack_all(client.request("GET", export).chunks(), path, owners=os.geteuid() == 0)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None
