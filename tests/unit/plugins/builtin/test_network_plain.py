from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.network import EndpointConfig, NetworkConfig, NetworkDriver, Sandbox
from ck.kernel.errors import Forbidden, InvalidArgument
from ck.kernel.testing.network import check_network_driver
from ck.plugins.builtin import network_plain

MAKERS = network_plain.ck_register_network()
BOTH = pytest.mark.parametrize("name", ["host", "none"])


def make(name: str) -> tuple[NetworkDriver, NetworkConfig]:
    return MAKERS[name]({}), NetworkConfig(id="a" * 64, name=name, driver=name)


@BOTH
def test_conformance(name: str, tmp_path: Path) -> None:
    trio.run(check_network_driver, lambda: make(name)[0], make(name)[1], tmp_path)


def test_sandboxes() -> None:
    assert make("host")[0].sandbox is Sandbox.HOST
    assert make("none")[0].sandbox is Sandbox.EMPTY


@BOTH
def test_users_make_no_second_one(name: str) -> None:
    with pytest.raises(Forbidden, match="mine"):
        make(name)[0].check(NetworkConfig(id="b" * 64, name="mine", driver=name))


@BOTH
def test_no_addresses(name: str) -> None:
    driver, network = make(name)
    endpoint = EndpointConfig(container_id="c", container_name="ck", ipv4_address="10.0.0.9")
    with pytest.raises(InvalidArgument, match=r"10\.0\.0\.9"):
        trio.run(driver.attach, network, endpoint, None)


@BOTH
def test_no_options(name: str) -> None:
    with pytest.raises(InvalidArgument, match="mtu"):
        MAKERS[name]({"mtu": 1})
