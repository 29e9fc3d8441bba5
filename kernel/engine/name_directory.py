"""Which names containers have on their networks: what a resolver asks."""

from collections.abc import Mapping, Sequence

import attrs

from ck.kernel.drivers.network import Endpoint, NetworkConfig
from ck.kernel.engine.address_pools import parse_prefix


@attrs.define
class _Member:
    container_id: str
    names: Sequence[str]
    addresses: Sequence[str]


@attrs.define
class _Zone:
    """One network: who is on it, by name and by address, in the order in which they came."""

    network: NetworkConfig
    members: dict[str, _Member] = attrs.field(factory=dict)
    by_name: dict[str, dict[str, _Member]] = attrs.field(factory=dict)
    by_address: dict[str, _Member] = attrs.field(factory=dict)

    def add(self, member: _Member) -> None:
        self.drop(member.container_id)
        self.members[member.container_id] = member
        for name in member.names:
            self.by_name.setdefault(name.lower(), {})[member.container_id] = member
        for address in member.addresses:
            self.by_address[address] = member

    def drop(self, container_id: str) -> None:
        member = self.members.pop(container_id, None)
        if member is None:
            return
        for name in member.names:
            holders = self.by_name[name.lower()]
            holders.pop(container_id, None)
            if not holders:
                del self.by_name[name.lower()]
        for address in member.addresses:
            self.by_address.pop(address, None)


class NameDirectory:
    """ck.kernel.drivers.resolver.Directory. Names are those of DNS: upper and lower case are the same."""

    def __init__(self) -> None:
        self._zones: dict[str, _Zone] = {}
        self._networks: dict[str, dict[str, _Zone]] = {}  # of each container, by network ID
        self._links: dict[str, dict[str, str]] = {}  # of each container, alias to the ID of the container it means
        self._turn = 0

    def join(self, network: NetworkConfig, container_id: str, names: Sequence[str], endpoint: Endpoint) -> None:
        """From now on *container_id* has *names* on *network*, and sees those of the others there."""
        zone = self._zones.setdefault(network.id, _Zone(network))
        addresses = [each for each in (endpoint.ipv4_address, endpoint.ipv6_address) if each]
        zone.add(_Member(container_id, names, addresses))
        self._networks.setdefault(container_id, {})[network.id] = zone

    def leave(self, network_id: str, container_id: str) -> None:
        """Undo `join`; success where there was none."""
        zones = self._networks.get(container_id, {})
        zone = zones.pop(network_id, None)
        if zone is None:
            return
        zone.drop(container_id)
        if not zone.members:
            self._zones.pop(network_id, None)
        if not zones:
            self._networks.pop(container_id, None)
            self._links.pop(container_id, None)

    def link(self, container_id: str, aliases: Mapping[str, str]) -> None:
        """`--link`: names that only *container_id* knows, and the IDs of the containers that they mean."""
        self._links[container_id] = {alias.lower(): target for alias, target in aliases.items()}

    def addresses(self, container_id: str, name: str) -> Sequence[str] | None:
        """See Directory. Several containers of one name take turns at being first."""
        zones = self._networks.get(container_id, {})
        target = self._links.get(container_id, {}).get(name)
        found: list[str] = []
        for zone in zones.values():
            if target is not None and target in zone.members:
                found += zone.members[target].addresses
                continue
            # A name may carry its network's as a domain: "db.app-network".
            bare = name.removesuffix(f".{zone.network.name.lower()}")
            holders = zone.by_name.get(name) or zone.by_name.get(bare) or {}
            members = list(holders.values())
            self._turn += 1
            turn = self._turn % len(members) if members else 0
            for member in members[turn:] + members[:turn]:
                found += member.addresses
        return list(dict.fromkeys(found)) or None

    def names(self, container_id: str, address: str) -> Sequence[str] | None:
        """See Directory."""
        for zone in self._networks.get(container_id, {}).values():
            member = zone.by_address.get(address)
            if member is not None:
                return [f"{member.names[0]}.{zone.network.name}"] if member.names else None
        return None

    def covers(self, container_id: str, address: str) -> bool:
        """See Directory."""
        asked = parse_prefix(address, "address")
        return any(
            asked.subnet_of(prefix)  # type: ignore[arg-type]  # versions are equal
            for zone in self._networks.get(container_id, {}).values()
            for subnet in zone.network.subnets
            if (prefix := parse_prefix(subnet.prefix, "subnet")).version == asked.version
        )
