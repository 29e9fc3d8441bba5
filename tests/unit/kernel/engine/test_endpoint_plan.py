import pytest

from ck.kernel.api.container import EndpointRequest
from ck.kernel.drivers.network import NetworkConfig, Subnet
from ck.kernel.engine.endpoint_plan import (
    INTERFACE_OPTION,
    Wish,
    dns_names,
    endpoint_configs,
    gateway_network,
    interface_names,
    parse_mac,
)
from ck.kernel.errors import Conflict, InvalidArgument

IPV4 = Subnet(prefix="10.0.0.0/24", gateway="10.0.0.1")
IPV6 = Subnet(prefix="fd00::/64", gateway="fd00::1")


def wish(name: str, *, internal: bool = False, subnets: tuple[Subnet, ...] = (IPV4, IPV6), **request: object) -> Wish:
    network = NetworkConfig(id=name, name=name, driver="bridge", internal=internal, subnets=subnets)
    return Wish(network, EndpointRequest(**request))  # type: ignore[arg-type]


def named(interface: str) -> dict[str, str]:
    return {INTERFACE_OPTION: interface}


def test_interfaces_are_counted_around_those_that_are_asked_for() -> None:
    wishes = [wish("a"), wish("b", driver_options=named("eth0")), wish("c"), wish("d", driver_options=named("wan0"))]
    assert interface_names(wishes, {}) == {"a": "eth1", "b": "eth0", "c": "eth2", "d": "wan0"}
    # What it has stays, whatever comes.
    assert interface_names([wish("new")], {"old": "eth0"}) == {"old": "eth0", "new": "eth1"}


@pytest.mark.parametrize("bad", ["lo", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-"])
def test_interfaces_that_cannot_be(bad: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        interface_names([wish("a", driver_options=named(bad))], {})
    assert repr(bad) in str(caught.value)


def test_an_interface_is_given_once() -> None:
    with pytest.raises(Conflict, match="wan0"):
        interface_names([wish("a", driver_options=named("wan0")), wish("b", driver_options=named("wan0"))], {})


def test_the_default_route_goes_by_priority_then_order() -> None:
    assert gateway_network([wish("a"), wish("b")], 4) == "a"
    assert gateway_network([wish("a"), wish("b", gateway_priority=1)], 4) == "b"
    assert gateway_network([wish("a", internal=True), wish("b")], 4) == "b"
    assert gateway_network([wish("a", subnets=(IPV4,)), wish("b")], 6) == "b"
    assert gateway_network([wish("a", internal=True)], 4) == ""


def test_configs_say_where_the_routes_go() -> None:
    one, two = endpoint_configs(
        "id", "web", [wish("a", subnets=(IPV4,)), wish("b", mac_address="02-42-AA-00-00-01")], {}
    )
    assert (one.default4, one.default6, two.default4, two.default6) == (True, False, False, True)
    assert two.mac_address == "02:42:aa:00:00:01"
    assert not endpoint_configs("id", "web", [wish("a", driver_options=named("x0"))], {})[0].options


@pytest.mark.parametrize(
    "bad", ["", "02:42", "02:42:ac:11:00:zz", "01:00:5e:00:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]
)
def test_mac_addresses_that_cannot_be(bad: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_mac(bad)
    assert repr(bad) in str(caught.value)


def test_names() -> None:
    identifier = "0123456789abcdef" * 4
    request = EndpointRequest(aliases=("db", "web"))
    assert dns_names(identifier, "web", "host", request) == ["web", "db", identifier[:12], "host"]
