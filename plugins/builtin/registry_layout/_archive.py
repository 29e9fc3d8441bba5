"""The manifest.json of `docker save`: which files of the archive make up which image. Pure.

Format: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

import json
from collections.abc import Sequence
from typing import TypeGuard

import attrs

from ck.kernel.errors import CorruptData, InvalidArgument, NotFound
from ck.plugins.builtin.registry_layout._reference import ONLY, PLACE


@attrs.frozen(kw_only=True)
class ArchivedImage:
    """Names of files in the archive, layers lowest first."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


def read_archive(raw: bytes) -> list[ArchivedImage]:
    """The images of the archive. Raises: CorruptData."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        raise CorruptData("manifest.json of the archive is not a JSON list")
    return [_image(entry) for entry in entries]


def choose(images: Sequence[ArchivedImage], wanted: str) -> ArchivedImage:
    """The image called *wanted*, or the only one, or that at the place "@N". Raises: NotFound, InvalidArgument."""
    if wanted.startswith(PLACE):
        return images[int(wanted.removeprefix(PLACE))]
    if wanted == ONLY:
        if len(images) != 1:
            tags = ", ".join(tag for image in images for tag in image.tags)
            raise InvalidArgument(f"the archive holds {len(images)} images, say which one: {tags or 'none has a name'}")
        return images[0]
    for image in images:
        if _short(wanted) in map(_short, image.tags):
            return image
    raise NotFound(f"the archive holds no image {wanted!r}")


def _short(name: str) -> str:
    """Docker writes "ubuntu:20.04" into an archive, other tools "docker.io/library/ubuntu:20.04"."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def _image(entry: object) -> ArchivedImage:
    if not isinstance(entry, dict):
        raise CorruptData("manifest.json of the archive holds what is no image")
    config, layers, tags = entry.get("Config"), entry.get("Layers"), entry.get("RepoTags") or []
    if not isinstance(config, str) or not _is_texts(layers) or not _is_texts(tags):
        raise CorruptData("manifest.json of the archive lacks Config, Layers or RepoTags of an image")
    return ArchivedImage(config=config, layers=tuple(layers), tags=tuple(tags))


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
