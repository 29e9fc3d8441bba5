import ipaddress
from collections import Counter

from ck.kernel.drivers.network import Endpoint, PublishedPort
from ck.kernel.linux.nftables.messages import INET, Table
from ck.plugins.builtin.network_bridge._ruleset import BridgeRules, add_bridge, pairs_of, remove_bridge, whole

BOTH = Endpoint(network_id="n", ipv4_address="10.0.0.2", ipv6_address="fd00::2")
TABLE = Table(INET, "ck")


def port(host_ip: str, host_port: int = 8080, protocol: str = "tcp") -> PublishedPort:
    return PublishedPort(protocol=protocol, container_port=80, host_ip=host_ip, host_port=host_port)


def test_a_port_of_every_address_and_one_of_a_single_one() -> None:
    pairs = pairs_of([port("0.0.0.0"), port("::"), port("192.0.2.1", 53, "udp")], BOTH)
    assert pairs == {
        "any4": {bytes([6, 0, 0, 0, 0x1F, 0x90, 0, 0]): bytes([10, 0, 0, 2, 0, 80, 0, 0])},
        "any6": {bytes([6, 0, 0, 0, 0x1F, 0x90, 0, 0]): ipaddress.ip_address("fd00::2").packed + bytes([0, 80, 0, 0])},
        "pub4": {bytes([192, 0, 2, 1, 17, 0, 0, 0, 0, 53, 0, 0]): bytes([10, 0, 0, 2, 0, 80, 0, 0])},
    }


def test_what_the_kernel_cannot_send_is_in_no_map() -> None:
    assert pairs_of([port("::1")], BOTH) == {}
    assert pairs_of([port("::")], Endpoint(network_id="n", ipv4_address="10.0.0.2")) == {}


def test_what_is_added_for_a_bridge_is_what_is_removed() -> None:
    rules = BridgeRules(name="ck0", subnets=("10.0.0.0/24", "fd00::/64"))
    added, removed = list(add_bridge(TABLE, rules)), list(remove_bridge(TABLE, rules))
    assert [message.body for message in added] == [message.body for message in removed]
    assert len(added) > len(list(add_bridge(TABLE, BridgeRules(name="ck0", icc=False, masquerade=False))))


def test_the_number_of_rules_does_not_depend_on_networks_and_ports() -> None:
    def rules(bridges: int, ports: int) -> int:
        pairs = pairs_of([port("0.0.0.0", number + 1) for number in range(ports)], BOTH)
        names = [BridgeRules(name=f"ck{number}", subnets=(f"10.{number}.0.0/16",)) for number in range(bridges)]
        return Counter(message.kind & 0xFF for message in whole(TABLE, 0, names, [pairs]))[6]

    assert rules(0, 0) == rules(50, 5000) > 0
