import ipaddress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ck.kernel.drivers.network import NetworkConfig, Subnet
from ck.kernel.engine.addresses import AddressBook, Addresses
from ck.kernel.errors import Conflict, InvalidArgument, Unavailable

HOLDERS = st.sampled_from([f"container-{number}" for number in range(8)])


class BookMachine(RuleBasedStateMachine):
    """Whatever is taken and given back, no address has two holders and none is one that nobody may have."""

    @initialize(length=st.integers(27, 30), ranged=st.booleans())
    def open(self, length: int, ranged: bool) -> None:
        self.prefix = ipaddress.ip_network(f"10.0.0.0/{length}")
        part = f"10.0.0.0/{length + 1}" if ranged else ""
        self.range = ipaddress.ip_network(part or str(self.prefix))
        self.book = AddressBook(Subnet(prefix=str(self.prefix), gateway="10.0.0.1", ip_range=part))
        self.held: dict[str, set[str]] = {}

    def holder_of(self, address: str) -> str | None:
        return next((holder for holder, mine in self.held.items() if address in mine), None)

    @rule(holder=HOLDERS)
    def take(self, holder: str) -> None:
        try:
            address = self.book.take(holder)
        except Unavailable:
            usable = set(map(str, self.range)) - {"10.0.0.0", "10.0.0.1", str(self.prefix.broadcast_address)}
            assert usable <= set().union(*self.held.values())
            return
        assert self.holder_of(address) is None and ipaddress.ip_address(address) in self.range
        self.held.setdefault(holder, set()).add(address)

    @rule(holder=HOLDERS, offset=st.integers(0, 40))
    def ask(self, holder: str, offset: int) -> None:
        asked = str(ipaddress.ip_address("10.0.0.0") + offset)
        try:
            address = self.book.take(holder, asked)
        except InvalidArgument:
            assert ipaddress.ip_address(asked) not in self.prefix
        except Conflict:
            others = self.holder_of(asked) not in (None, holder)
            assert others or asked in ("10.0.0.0", "10.0.0.1", str(self.prefix.broadcast_address))
        else:
            assert address == asked and self.holder_of(asked) in (None, holder)
            self.held.setdefault(holder, set()).add(asked)

    @precondition(lambda self: self.held)
    @rule(holder=HOLDERS)
    def free(self, holder: str) -> None:
        self.book.free(holder)
        self.held.pop(holder, None)

    @invariant()
    def nobody_has_the_gateway(self) -> None:
        assert self.holder_of("10.0.0.1") is None if hasattr(self, "held") else True


TestBook = BookMachine.TestCase


def test_an_address_that_is_free_again_comes_last() -> None:
    book = AddressBook(Subnet(prefix="10.0.0.0/29", gateway="10.0.0.1", reserved={"printer": "10.0.0.4"}))
    assert [book.take("a"), book.take("b")] == ["10.0.0.2", "10.0.0.3"]
    book.free("a")
    assert [book.take("c"), book.take("d"), book.take("e")] == ["10.0.0.5", "10.0.0.6", "10.0.0.2"]
    with pytest.raises(Unavailable, match=r"10\.0\.0\.0/29"):
        book.take("f")


def test_the_books_of_networks_are_apart() -> None:
    addresses = Addresses()
    one, two = (
        NetworkConfig(id=name, name=name, driver="bridge", subnets=(Subnet(prefix="10.0.0.0/24", gateway="10.0.0.1"),))
        for name in ("one", "two")
    )
    for network in (one, two):
        book = addresses.book(network, 4)
        assert book is not None and book.take("a") == "10.0.0.2"
    assert addresses.book(one, 6) is None
    addresses.free("one", "a")
    first, second = addresses.book(one, 4), addresses.book(two, 4)
    assert first is not None and first.take("b", "10.0.0.2") == "10.0.0.2"
    with pytest.raises(Conflict, match="in use by container a"):
        assert second is not None
        second.take("b", "10.0.0.2")
