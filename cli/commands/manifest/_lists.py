"""The lists that `ck manifest create` makes: the client's own, kept where Docker's are and as those are.

A list is a directory of `manifests/` beside config.json, in it a file for each manifest with its name, its descriptor
(with the platform) and its bytes in base64 (docker/cli, cli/manifest/store and cli/manifest/types).
"""

from __future__ import annotations

import os
from binascii import a2b_base64

from ck.cli.client.codec import loads
from ck.cli.config import config_path, replace
from ck.cli.errors import CliError
from ck.cli.reference import full

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (OCI_INDEX, DOCKER_LIST)


def entry_of(found: dict[str, Any]) -> dict[str, Any]:
    """What a list keeps of a manifest that the engine has told of."""
    platforms = found["Platforms"]
    platform = {"platform": platforms[0]} if platforms else {}
    document = "OCIManifest" if found["Descriptor"]["mediaType"] == OCI_MANIFEST else "SchemaV2Manifest"
    return {
        "Ref": found["Ref"],
        "Descriptor": found["Descriptor"] | platform,
        "Raw": found["Raw"],
        document: loads(a2b_base64(found["Raw"])),
    }


def exists(name: str) -> bool:
    """Whether there is a list called *name*."""
    return os.path.isdir(_directory(name))


def read(name: str) -> list[dict[str, Any]]:
    """The entries of a list, sorted by their names. Raises: CliError."""
    directory = _directory(name)
    try:
        files = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        raise CliError(f"no such manifest list: {full(name)}") from None
    return [_read(f"{directory}/{file}") for file in files]


def find(name: str, manifest: str) -> dict[str, Any]:
    """The entry of *manifest* in a list. Raises: CliError."""
    wanted = full(manifest)
    for entry in read(name):
        if entry["Ref"] == wanted:
            return entry
    raise CliError(f"manifest {wanted} is not in the list {full(name)}")


def write(name: str, entry: dict[str, Any]) -> None:
    """Put an entry into a list, which is made if missing, in the place of one of the same name."""
    directory = _directory(name)
    os.makedirs(directory, 0o700, exist_ok=True)
    replace(f"{directory}/{_file_name(entry['Ref'])}", entry)


def remove(name: str) -> None:
    """Forget a list. Raises: CliError."""
    from shutil import rmtree

    if not exists(name):
        raise CliError(f"no such manifest list: {full(name)}")
    rmtree(_directory(name))


def index(name: str, entries: list[dict[str, Any]]) -> bytes:
    """The index that a list stands for: the same entries give the same bytes. Raises: CliError."""
    from json import dumps

    manifests = []
    for entry in entries:
        described = entry["Descriptor"]
        platform = described.get("platform") or {}
        if missing := next((each for each in ("os", "architecture") if not platform.get(each)), ""):
            raise CliError(
                f"the list {full(name)} does not say the {missing} of {entry['Ref']}: ck manifest annotate it"
            )
        manifests.append({key: described[key] for key in ("mediaType", "digest", "size")} | {"platform": platform})
    # Docker's list is for Docker's manifests only; an OCI index may refer to both.
    is_oci = any(each["mediaType"] == OCI_MANIFEST for each in manifests)
    media_type = OCI_INDEX if is_oci else DOCKER_LIST
    return dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}, separators=(",", ":")).encode()


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            entry = loads(file.read())
        if {"mediaType", "digest", "size"} <= entry["Descriptor"].keys() and isinstance(entry["Ref"], str):
            return dict(entry)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    raise CliError(f"{path} is no entry of a manifest list")


def _directory(name: str) -> str:
    return f"{os.path.dirname(config_path())}/manifests/{_file_name(full(name))}"


def _file_name(reference: str) -> str:
    return reference.replace(":", "-").replace("/", "_")
