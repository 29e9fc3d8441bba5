"""What the store keeps beside containers and images, how a change is written down, and records as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs
from cattrs.preconf.json import JsonConverter, make_converter

from ck.kernel.api.container import Container
from ck.kernel.api.image import Image
from ck.kernel.drivers.network import NetworkConfig, PublishedPort
from ck.kernel.drivers.port_ranges import from_ranges, to_ranges


@attrs.frozen(kw_only=True)
class VolumeRecord:
    """What the engine knows of a volume beyond its driver.

    `owner` is the container for which an anonymous one was made, and with which it goes: "" once that was removed
    without it.
    """

    name: str
    driver: str
    labels: Mapping[str, str] = attrs.field(factory=dict)
    options: Mapping[str, str] = attrs.field(factory=dict)
    anonymous: bool = False
    owner: str = ""


@attrs.frozen(kw_only=True)
class NetworkRecord:
    """A network that there is beside those of the drivers that users make none of."""

    config: NetworkConfig
    created: datetime


@attrs.frozen(kw_only=True)
class CacheRecord:
    """The layer that a step of a build has made. `key` is a digest of all that it depends on; `chain` are the chain IDs
    that it stands on, lowest first, its own the last; `blob` is as in MadeLayer."""

    key: str
    diff_id: str
    chain: tuple[str, ...]
    size: int
    blob: str
    description: str
    created: datetime
    used: datetime
    uses: int = 1


@attrs.frozen
class Put:
    """Write a record: its kind is that of its class."""

    id: str
    record: Container | Image | VolumeRecord | NetworkRecord | CacheRecord


@attrs.frozen
class Delete:
    """Drop a record; one that is not there is success."""

    kind: str
    id: str


Change = Put | Delete
KINDS: Final[Mapping[type, str]] = {
    Container: "container",
    Image: "image",
    VolumeRecord: "volume",
    NetworkRecord: "network",
    CacheRecord: "cache",
}


def record_converter() -> JsonConverter:
    """Records as JSON. Ports are written as ranges: a container may publish thousands."""
    converter = make_converter()
    ports = tuple[PublishedPort, ...]
    converter.register_unstructure_hook_func(lambda kind: kind == ports, to_ranges)
    converter.register_structure_hook_func(lambda kind: kind == ports, lambda rows, _: from_ranges(rows))
    return converter
