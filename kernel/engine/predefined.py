"""The networks that are always there: one for each driver that users make none of, and the default bridge."""

import hashlib
from typing import Final

from ck.kernel.drivers.network import NetworkConfig

BRIDGE: Final = "bridge"
"""The network that containers join that name none; unlike one that a user makes it has no names (Docker's rule)."""

PREDEFINED: Final = (BRIDGE, "host", "none")


def predefined_network(name: str) -> NetworkConfig:
    """The network *name*; its ID is a digest of the name, so that it is the same after each start."""
    return NetworkConfig(id=hashlib.sha256(f"ck network {name}".encode()).hexdigest(), name=name, driver=name)
