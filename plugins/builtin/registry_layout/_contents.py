"""Which images a tar holds, and what they are called in it."""

from collections.abc import Mapping
from typing import Final

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_layout._archive import read_archive
from ck.plugins.builtin.registry_layout._reference import PLACE, Transport
from ck.plugins.builtin.registry_layout.files import Files
from ck.plugins.builtin.registry_layout.source import REF_NAME, read_index, read_small

IMAGE_NAME: Final = "io.containerd.image.name"

Found = tuple[Transport, str, tuple[str, ...]]
"""As what to read it, which image (LayoutReference.image), and its names."""


def contents(files: Files) -> list[Found]:
    """All images of an archive of Docker's or an OCI layout; of what is both, Docker's part, which has all the names.

    Raises: CorruptData where it is neither.
    """
    if files.has("manifest.json"):
        images = read_archive(read_small(files, "manifest.json"))
        return [(Transport.DOCKER_ARCHIVE, f"{PLACE}{place}", image.tags) for place, image in enumerate(images)]
    if not files.has("index.json"):
        raise CorruptData("the archive holds no images: it has neither a manifest.json nor an index.json")
    names: dict[str, list[str]] = {}
    for entry in read_index(files):
        names.setdefault(entry.descriptor.digest, []).extend(_names(entry.descriptor.annotations))
    return [(Transport.OCI, f"{PLACE}{digest}", tuple(found)) for digest, found in names.items()]


def _names(annotations: Mapping[str, str]) -> list[str]:
    """A ref.name is what its writer took it for: a name where it has a tag, else a mere tag, which names nothing."""
    if full := annotations.get(IMAGE_NAME):
        return [full]
    name = annotations.get(REF_NAME, "")
    return [name] if ":" in name else []
