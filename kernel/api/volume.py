"""Volumes as the engine keeps them."""

from collections.abc import Mapping
from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Volume:
    """A volume and who uses it (container IDs)."""

    name: str
    driver: str
    mountpoint: str
    created: datetime
    labels: Mapping[str, str] = attrs.field(factory=dict)
    options: Mapping[str, str] = attrs.field(factory=dict)
    anonymous: bool = False
    used_by: tuple[str, ...] = ()
