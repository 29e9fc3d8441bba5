"""Where the result of `ck build --output` goes."""

from __future__ import annotations

import os

from ck.cli.client.api import Client, name
from ck.cli.errors import ApiError, CliError
from ck.cli.options.outputs import STDOUT
from ck.cli.output.download import download
from ck.cli.reference import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from typing import TextIO

    from ck.cli.options.outputs import Output


def known_images(client: Client) -> frozenset[str]:
    """The IDs of all images there are."""
    return frozenset(image["Id"] for image in client.get("/images/json", all=True))


def write_result(client: Client, image: str, names: Sequence[str], output: Output, before: Container[str]) -> None:
    """Write the files of *image*, or itself by its *names*, to where *output* says. Then it goes, unless it has a name
    or is one of those that were there *before* the build. Raises: CliError, ApiError."""
    path = "" if output.path == STDOUT else output.path
    try:
        if output.kind in ("docker", "oci"):
            download(path, lambda: client.request("GET", "/images/get", {"names": names or [image]}).chunks())
        else:
            _write_files(client, image, output.kind, path)
    finally:
        if image not in before:
            _remove_nameless(client, image)


def push_result(client: Client, names: Sequence[str], out: TextIO | None) -> None:
    """Push the image under each of *names*. Raises: CliError, ApiError."""
    from ck.cli.commands.image._push import push

    for each in names:
        repository, tag = split(each)
        push(client, repository, tag or "latest", out)


def _write_files(client: Client, image: str, kind: str, path: str) -> None:
    # Of an image without a command there can be a container too, if it names one; it is never run.
    container = client.post(
        "/containers/create", {"Image": image, "Cmd": ["none"], "HostConfig": {"NetworkMode": "none"}}
    )["Id"]
    try:
        export = f"/containers/{container}/export"
        if kind == "tar":
            download(path, lambda: client.request("GET", export).chunks())
        else:
            _unpack(client, export, path)
    finally:
        client.delete(f"/containers/{container}", force=True, v=True)


def _remove_nameless(client: Client, image: str) -> None:
    """Without force, so that it stays while another client has a container of it."""
    try:
        shown = client.get(f"/images/{name(image)}/json")
        if not shown["RepoTags"] and not shown["RepoDigests"]:
            client.delete(f"/images/{name(image)}")
    except ApiError as error:
        if error.status not in (404, 409):  # somebody else has removed it, or uses it
            raise


def _unpack(client: Client, export: str, path: str) -> None:
    from ck.cli.commands.container._archive import unpack_all

    try:
        os.makedirs(path, exist_ok=True)
        unpack_all(client.request("GET", export).chunks(), path, owners=os.geteuid() == 0)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None
