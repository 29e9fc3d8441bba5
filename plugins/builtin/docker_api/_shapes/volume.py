"""Volumes as the API shows them; which of them `volume ls` lists. Pure."""

from collections.abc import Callable
from typing import Final

from ck.kernel.api.volume import Volume
from ck.plugins.builtin.docker_api._shapes.codec import TEXT, TEXT_MAP, Field, Json, Table
from ck.plugins.builtin.docker_api._shapes.filters import Filters, check_names, flag, labels_match, patterns
from ck.plugins.builtin.docker_api._shapes.times import rfc3339

KNOWN_FILTERS: Final = frozenset({"dangling", "driver", "label", "name"})
ANONYMOUS_LABEL: Final = "com.docker.volume.anonymous"

CREATE: Final = Table(
    Field("Name", "name", TEXT),
    Field("Driver", "driver", TEXT),
    Field("DriverOpts", "options", TEXT_MAP),
    Field("Labels", "labels", TEXT_MAP),
)


def volume_json(volume: Volume, *, size: int | None = None) -> Json:
    """*size* in bytes adds the usage that only `system df` shows."""
    labels = dict(volume.labels)
    if volume.anonymous:
        labels.setdefault(ANONYMOUS_LABEL, "")
    json: Json = {
        "CreatedAt": rfc3339(volume.created),
        "Driver": volume.driver,
        "Labels": labels or None,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
    }
    if size is not None:
        json["UsageData"] = {"Size": size, "RefCount": len(volume.used_by)}
    return json


def volume_test(filters: Filters) -> Callable[[Volume], bool]:
    """A test whether `volume ls` lists a volume. Raises: InvalidArgument for an unknown filter or value."""
    check_names(filters, KNOWN_FILTERS)
    dangling = flag(filters, "dangling")
    drivers, labels, name_matches = filters.get("driver"), filters.get("label", ()), patterns(filters, "name")
    return lambda volume: (
        (dangling is None or (not volume.used_by) is dangling)
        and (not drivers or volume.driver in drivers)
        and labels_match(labels, volume.labels)
        and name_matches(volume.name)
    )
