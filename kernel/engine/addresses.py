"""Who has which address of a network. In memory: the records of containers that run say it all again after a start."""

import ipaddress
from collections.abc import Iterator

from ck.kernel.drivers.network import NetworkConfig, Subnet
from ck.kernel.engine.address_pools import Address, Prefix, parse_address
from ck.kernel.errors import Conflict, InvalidArgument, Unavailable


class AddressBook:
    """The addresses of one subnet. One that is free again comes last: whoever still has it cached shall not meet
    another container there."""

    def __init__(self, subnet: Subnet) -> None:
        self._prefix: Prefix = ipaddress.ip_network(subnet.prefix)
        self._range: Prefix = ipaddress.ip_network(subnet.ip_range or subnet.prefix, strict=False)
        self._holders: dict[Address, str] = {}
        self._never = {self._prefix.network_address, ipaddress.ip_address(subnet.gateway)}
        if self._prefix.version == 4:
            self._never.add(self._prefix.broadcast_address)
        self._never |= {ipaddress.ip_address(each) for each in subnet.reserved.values()}
        self._last = int(self._range.network_address) - 1

    @property
    def length(self) -> int:
        """Of the prefix, in bits."""
        return self._prefix.prefixlen

    def take(self, holder: str, asked: str = "") -> str:
        """An address for *holder*, the one that is *asked* for if any.

        Raises: InvalidArgument where it is not of this subnet; Conflict, naming who has it; Unavailable where none is
        left.
        """
        if asked:
            address = parse_address(asked, "address")
            if address not in self._prefix:
                raise InvalidArgument(f"address {asked} is not within subnet {self._prefix}")
            if address in self._never:
                raise Conflict(f"address {asked} is reserved in subnet {self._prefix}")
            if (other := self._holders.get(address)) not in (None, holder):
                raise Conflict(f"address {asked} is in use by container {str(other)[:12]}")
        else:
            address = next(self._free(), None) or self._none_left()
            self._last = int(address)
        self._holders[address] = holder
        return str(address)

    def hold(self, holder: str, text: str) -> None:
        """Note what a record says."""
        self._holders[ipaddress.ip_address(text)] = holder

    def free(self, holder: str) -> None:
        """Forget what *holder* has."""
        self._holders = {address: each for address, each in self._holders.items() if each != holder}

    def _free(self) -> Iterator[Address]:
        first = int(self._range.network_address)
        count = self._range.num_addresses
        begin = self._last + 1 - first
        for offset in range(count):
            address = self._range.network_address + (begin + offset) % count
            if address not in self._never and address not in self._holders:
                yield address

    def _none_left(self) -> Address:
        raise Unavailable(f"no address is left in {self._range}: {len(self._holders)} containers have one")


class Addresses:
    """The address books of all networks."""

    def __init__(self) -> None:
        self._books: dict[tuple[str, int], AddressBook] = {}

    def book(self, network: NetworkConfig, version: int) -> AddressBook | None:
        """None where the network has no subnet of that IP version."""
        subnet = network.subnet(version)
        if subnet is None:
            return None
        key = (network.id, version)
        if key not in self._books:
            self._books[key] = AddressBook(subnet)
        return self._books[key]

    def free(self, network_id: str, holder: str) -> None:
        """Forget what *holder* has on a network."""
        for version in (4, 6):
            if (book := self._books.get((network_id, version))) is not None:
                book.free(holder)

    def forget(self, network_id: str) -> None:
        """The network is gone."""
        for version in (4, 6):
            self._books.pop((network_id, version), None)
