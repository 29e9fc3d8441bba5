import pytest

from ck.kernel.drivers.network import NetworkConfig
from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.network_bridge._options import NetworkOptions, read_driver_options, read_network_options


def network(**options: str) -> NetworkConfig:
    names = {name.replace("__", "."): value for name, value in options.items()}
    return NetworkConfig(id="n", name="app", driver="bridge", options=names)


def test_what_can_be_said_of_a_network() -> None:
    asked = network(
        com__docker__network__bridge__name="br-app",
        com__docker__network__driver__mtu="1400",
        com__docker__network__bridge__enable_icc="false",
        com__docker__network__bridge__enable_ip_masquerade="0",
        com__docker__network__bridge__host_binding_ipv4="127.0.0.1",
    )
    assert read_network_options(asked) == NetworkOptions(
        bridge="br-app", mtu=1400, icc=False, masquerade=False, host_ip="127.0.0.1"
    )
    assert read_network_options(network()) == NetworkOptions()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("com.docker.network.bridge.name", "a/b"),
        ("com.docker.network.bridge.name", "sixteen-letters-"),
        ("com.docker.network.driver.mtu", "67"),
        ("com.docker.network.driver.mtu", "-1"),
        ("com.docker.network.driver.mtu", "big"),
        ("com.docker.network.bridge.enable_icc", "maybe"),
        ("com.docker.network.bridge.host_binding_ipv4", "here"),
    ],
)
def test_what_cannot(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_network_options(NetworkConfig(id="n", name="app", driver="bridge", options={name: value}))
    assert (repr(name) if name == "colour" else repr(value)) in str(caught.value)


def test_options_of_the_driver() -> None:
    assert read_driver_options({"bridge": "br9", "table": "mine"}).bridge == "br9"
    for name, value in (("colour", "red"), ("bridge", "a b"), ("table", "9 lives")):
        with pytest.raises(InvalidArgument) as caught:
            read_driver_options({name: value})
        assert repr(name if name == "colour" else value) in str(caught.value)
