"""Images, their history and their removal as the API shows them; which of them `images` lists. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

import attrs

from ck.kernel.api.image import HistoryEntry, Image, ImageRemoval, Progress
from ck.kernel.api.until import parse_until
from ck.plugins.builtin.docker_api._shapes.codec import Json
from ck.plugins.builtin.docker_api._shapes.config import config_json
from ck.plugins.builtin.docker_api._shapes.filters import Filters, check_names, flag, labels_match
from ck.plugins.builtin.docker_api._shapes.times import ZERO, rfc3339, unix_seconds

KNOWN_FILTERS: Final = frozenset({"before", "dangling", "label", "reference", "since", "until"})
Familiar = Callable[[str], str]


def image_summary_json(
    image: Image, familiar: Familiar, *, parent: str = "", shared: int = -1, containers: int = -1
) -> Json:
    """One line of `images`; -1 says "not counted"."""
    return {
        "Id": image.id,
        "ParentId": parent,
        "RepoTags": [familiar(tag) for tag in image.tags],
        "RepoDigests": [familiar(digest) for digest in image.digests],
        "Created": unix_seconds(image.created),
        "Size": image.size,
        "SharedSize": shared,
        "Labels": dict(image.config.labels),
        "Containers": containers,
    }


def parents(images: Sequence[Image]) -> Mapping[str, str]:
    """For each image that stands on another one of *images*, the ID of that: the one with most of its layers, all of
    which are its lowest."""
    # Of images with equal layers the eldest counts; those without a time last.
    eldest = sorted(images, key=lambda image: (image.created is None, image.created, image.id), reverse=True)
    tops = {image.chain_ids[-1]: image.id for image in eldest if image.chain_ids}
    found = {}
    for image in images:
        if below := next((chain for chain in reversed(image.chain_ids[:-1]) if chain in tops), None):
            found[image.id] = tops[below]
    return found


def shared_sizes(images: Sequence[Image]) -> Mapping[str, int]:
    """For each image, by ID, the bytes of the layers that it has in common with others."""
    takers = Counter(chain for image in images for chain in image.chain_ids)
    return {
        image.id: sum(
            size for chain, size in zip(image.chain_ids, image.layer_sizes, strict=False) if takers[chain] > 1
        )
        for image in images
    }


def image_json(image: Image, familiar: Familiar) -> Json:
    """What `image inspect` shows."""
    json: Json = {
        "Id": image.id,
        "RepoTags": [familiar(tag) for tag in image.tags],
        "RepoDigests": [familiar(digest) for digest in image.digests],
        "Parent": "",
        "Comment": image.comment,
        "Created": rfc3339(image.created),
        "DockerVersion": "",
        "Author": image.author,
        "Config": config_json(image.config),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Name": image.storage_driver, "Data": None},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": ZERO},
    }
    if image.variant:
        json["Variant"] = image.variant
    return json


def history_json(entry: HistoryEntry, familiar: Familiar) -> Json:
    return {
        "Id": entry.image_id,
        "Created": unix_seconds(entry.created),
        "CreatedBy": entry.created_by,
        "Tags": [familiar(tag) for tag in entry.tags] or None,
        "Size": entry.size,
        "Comment": entry.comment,
    }


def removals_json(removals: Sequence[ImageRemoval], familiar: Familiar) -> list[Json]:
    return [{"Untagged": familiar(one.untagged)} if one.untagged else {"Deleted": one.deleted} for one in removals]


def progress_json(progress: Progress) -> Json:
    """One message of a pull's stream, or of its kind."""
    if progress.line:
        return {"stream": progress.line}
    if progress.image_id:
        return {"aux": {"ID": progress.image_id}}
    if pushed := progress.pushed:
        return {"progressDetail": {}, "aux": {"Tag": pushed.tag, "Digest": pushed.digest, "Size": pushed.size}}
    json: Json = {"status": progress.status}
    if progress.current or progress.total:
        json["progressDetail"] = {"current": progress.current, "total": progress.total}
    elif progress.id:
        json["progressDetail"] = {}
    if progress.id:
        json["id"] = progress.id
    return json


def image_test(
    filters: Filters,
    familiar: Familiar,
    now: datetime,
    *,
    before: datetime | None = None,
    since: datetime | None = None,
) -> Callable[[Image], bool]:
    """A test whether `images` lists an image; *before* and *since* are when the images of these filters were made.

    Raises: InvalidArgument for an unknown filter or a value that does not parse.
    """
    check_names(filters, KNOWN_FILTERS)
    tests = list(_tests(filters, familiar, now, before, since))
    return lambda image: all(test(image) for test in tests)


def _tests(
    filters: Filters, familiar: Familiar, now: datetime, before: datetime | None, since: datetime | None
) -> Iterator[Callable[[Image], bool]]:
    dangling = flag(filters, "dangling")
    if dangling is not None:
        yield lambda image: (not image.tags) is dangling
    if labels := filters.get("label"):
        yield lambda image: labels_match(labels, image.config.labels)
    if references := filters.get("reference"):
        yield lambda image: any(
            _matches_reference(familiar(name), references) for name in (*image.tags, *image.digests)
        )
    limits = [parse_until(value, now) for value in filters.get("until", ())]
    if before is not None:
        limits.append(before)
    if limits:
        yield lambda image: image.created is not None and image.created < min(limits)
    if since is not None:
        yield lambda image: image.created is not None and image.created > since


def as_referred(image: Image, filters: Filters, familiar: Familiar) -> Image:
    """*image* with only those of its names that the filter `reference` asks for: they alone are listed."""
    references = filters.get("reference")
    if not references:
        return image
    tags = tuple(name for name in image.tags if _matches_reference(familiar(name), references))
    digests = tuple(name for name in image.digests if _matches_reference(familiar(name), references))
    return attrs.evolve(image, tags=tags, digests=digests)


def _matches_reference(name: str, wanted: Sequence[str]) -> bool:
    """Shell patterns against "name:tag", "name@digest" and the bare name; `*` does not cross a slash."""
    bare = name.partition("@")[0]
    head, slash, last = bare.rpartition("/")
    bare = head + slash + last.partition(":")[0]
    return any(
        candidate.count("/") == pattern.count("/") and all(map(fnmatchcase, candidate.split("/"), pattern.split("/")))
        for pattern in wanted
        for candidate in (name, bare)
    )


def names_by_reference(images: Sequence[Image], familiar: Familiar) -> Mapping[str, str]:
    """Image IDs by the ways a user may have typed a tag, to tell whether a container's image is still called so."""
    found = {}
    for image in images:
        for tag in image.tags:
            short = familiar(tag)
            for spelling in (tag, short, short.removesuffix(":latest")):
                found[spelling] = image.id
    return found
