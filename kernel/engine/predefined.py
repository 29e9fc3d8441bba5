"""The networks that are always there: one for each driver that users make none of."""

import hashlib
from typing import Final

from ck.kernel.drivers.network import NetworkConfig

PREDEFINED: Final = ("host", "none")


def predefined_network(name: str) -> NetworkConfig:
    """The network *name*; its ID is a digest of the name, so that it is the same after each start."""
    return NetworkConfig(id=hashlib.sha256(f"ck network {name}".encode()).hexdigest(), name=name, driver=name)
