"""The cache that travels in an image: in its config stands by which steps its layers were made. Pure.

Another engine that has the same base and the same input computes the same keys, and finds the layers in the image.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ck.kernel.api.image import Image
from ck.kernel.engine.context import now
from ck.kernel.engine.image_write import write_time
from ck.kernel.store_records import CacheRecord

MEMBER: Final = "ck.build.cache"
"""Of the config: a list of objects with `key`, `layer` (its index) and `created`. Other engines pass it over."""

ARGUMENT: Final = "BUILDKIT_INLINE_CACHE"
"""The build argument that asks for it, as BuildKit's does."""


def with_cache(
    document: Mapping[str, Any], base: int, keys: Sequence[str], times: Sequence[datetime]
) -> dict[str, Any]:
    """The config *document* of an image of *base* layers, with the *keys* and *times* of those that come on top."""
    added = [
        {"key": key, "layer": base + number, "created": write_time(time)}
        for number, (key, time) in enumerate(zip(keys, times, strict=True))
    ]
    return {**document, MEMBER: [*_entries(document), *added]}


def cache_in(document: Mapping[str, Any], image: Image) -> list[CacheRecord]:
    """The records in *document*, the config of *image*; what is none is passed over, since anybody may have written
    it."""
    records = [_record(entry, image) for entry in _entries(document)]
    return [record for record in records if record is not None]


def _entries(document: Mapping[str, Any]) -> list[object]:
    entries = document.get(MEMBER)
    return entries if isinstance(entries, list) else []


def _record(entry: object, image: Image) -> CacheRecord | None:
    match entry:
        case {"key": str(key), "layer": int(layer), "created": str(created)} if 0 <= layer < len(image.chain_ids):
            pass
        case _:
            return None
    try:
        made = datetime.fromisoformat(created).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return CacheRecord(
        key=key,
        diff_id=image.diff_ids[layer],
        chain=image.chain_ids[: layer + 1],
        size=image.layer_sizes[layer] if image.layer_sizes else 0,
        blob=image.layer_blobs[layer] if image.layer_blobs else "",
        description="",
        created=made,
        used=now(),
    )
