"""Image references, as far as a client looks into them."""

from __future__ import annotations

import os

DOCKER_HUB = "https://index.docker.io/v1/"  # the key of Docker Hub in config.json
LAYOUTS = ("oci:", "docker-archive:")
HOST = "host/"


def has_tags(reference: str) -> bool:
    """False for references without tags: programs of this machine and image layouts in files."""
    return not reference.startswith((*LAYOUTS, HOST))


def absolute(reference: str) -> str:
    """The reference with the path of a layout made absolute: the engine has another working directory."""
    for scheme in LAYOUTS:
        if reference.startswith(scheme):
            return scheme + os.path.abspath(reference.removeprefix(scheme))
    return reference


def split(reference: str) -> tuple[str, str]:
    """Name and tag or digest ("" where there is none): `host:5000/a/b:c` to (`host:5000/a/b`, `c`). A colon with no tag
    after it stays, for the engine to refuse."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    head, colon, tag = reference.rpartition(":")
    if colon and tag and "/" not in tag:
        return head, tag
    return reference, ""


def registry(reference: str) -> str:
    """The key under which config.json keeps the credentials of the reference's registry."""
    domain, slash, _ = reference.partition("/")
    if (
        slash
        and ("." in domain or ":" in domain or domain == "localhost")
        and domain not in {"docker.io", "index.docker.io"}
    ):
        return domain
    return DOCKER_HUB


def full(reference: str) -> str:
    """`alpine` to `docker.io/library/alpine:latest`."""
    if not has_tags(reference):
        return reference
    tagged = reference if split(reference)[1] else f"{reference}:latest"
    if registry(reference) != DOCKER_HUB:
        return tagged
    path = tagged.removeprefix("index.").removeprefix("docker.io/")
    return f"docker.io/{path if '/' in path else f'library/{path}'}"
