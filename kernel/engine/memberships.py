"""Which containers are on which networks now, from before their first resource there until after the last."""

from collections.abc import Sequence

from ck.kernel.drivers.network import NetworkConfig


class Memberships:
    """In memory; a network that somebody is on cannot be removed."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, NetworkConfig]] = {}  # container ID to networks by ID

    def add(self, container_id: str, network: NetworkConfig) -> None:
        self._of.setdefault(container_id, {})[network.id] = network

    def drop(self, container_id: str, network_id: str) -> None:
        """Success where there is none."""
        networks = self._of.get(container_id, {})
        networks.pop(network_id, None)
        if not networks:
            self._of.pop(container_id, None)

    def of(self, container_id: str) -> Sequence[NetworkConfig]:
        return list(self._of.get(container_id, {}).values())

    def on(self, network_id: str) -> Sequence[str]:
        return [container_id for container_id, networks in self._of.items() if network_id in networks]
