import ipaddress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.network_bridge._names import (
    Alias,
    bridge_name,
    engine_tag,
    mac_address,
    parse_alias,
    veth_name,
)

HEX = st.text("0123456789abcdef", min_size=12, max_size=64)


@given(HEX, HEX, st.one_of(st.just(""), HEX))
def test_an_alias_is_read_again(tag: str, network: str, container: str) -> None:
    alias = Alias(tag, network, container)
    assert parse_alias(alias.text()) == alias


@given(st.text())
def test_other_aliases_are_nobodys(text: str) -> None:
    alias = parse_alias(text)
    assert alias is None or alias.text() == text.rstrip()


def test_names_fit_a_link() -> None:
    assert bridge_name("a" * 64) == "ck" + "a" * 12
    assert len(veth_name()) <= 15 and veth_name() != veth_name()


@given(st.integers(1, 2**32 - 1))
def test_a_mac_address_is_of_one_interface_and_tells_the_address(number: int) -> None:
    mac = bytes.fromhex(mac_address(str(ipaddress.IPv4Address(number))).replace(":", ""))
    assert mac[0] & 0b11 == 0b10 and int.from_bytes(mac[2:], "big") == number


def test_engines_are_told_apart() -> None:
    assert engine_tag(Path("/run/ck/network/bridge")) != engine_tag(Path("/run/other/network/bridge"))
