import pytest

from ck.kernel.api.container import Container, ContainerConfig, HostConfig, PortBinding
from ck.kernel.drivers.network import PortRequest
from ck.kernel.engine.port_requests import parse_exposed, port_requests
from ck.kernel.errors import InvalidArgument
from tests.support.records import container


def publishing(
    bindings: dict[str, tuple[PortBinding, ...]], *, exposed: tuple[str, ...] = (), every: bool = False
) -> Container:
    return container(
        config=ContainerConfig(exposed_ports=exposed),
        host_config=HostConfig(port_bindings=bindings, publish_all_ports=every),
    )


def test_bindings() -> None:
    asked = {
        "80/tcp": (PortBinding(host_port="8080"), PortBinding(host_ip="::1", host_port="8000-8002")),
        "53/UDP": (),
        "9": (PortBinding(),),
    }
    assert port_requests(publishing(asked)) == [
        PortRequest(protocol="tcp", container_port=80, host_ports=(8080,)),
        PortRequest(protocol="tcp", container_port=80, host_ip="::1", host_ports=(8000, 8001, 8002)),
        PortRequest(protocol="udp", container_port=53),
        PortRequest(protocol="tcp", container_port=9),
    ]


def test_all_that_is_exposed_and_not_bound() -> None:
    exposed = ("80/tcp", "90-91/udp", "9")
    got = port_requests(publishing({"80/tcp": (PortBinding(host_port="1"),)}, exposed=exposed, every=True))
    assert [(each.protocol, each.container_port, each.host_ports) for each in got] == [
        ("tcp", 80, (1,)),
        ("udp", 90, (0,)),
        ("udp", 91, (0,)),
        ("tcp", 9, (0,)),
    ]
    assert port_requests(publishing({}, exposed=exposed)) == []


@pytest.mark.parametrize(
    ("port", "binding", "value"),
    [
        ("80/quic", PortBinding(), "quic"),
        ("0", PortBinding(), "'0'"),
        ("x/tcp", PortBinding(), "x/tcp"),
        ("80-81/tcp", PortBinding(), "80-81/tcp"),
        ("80/tcp", PortBinding(host_port="70000"), "70000"),
        ("80/tcp", PortBinding(host_port="9-8"), "9-8"),
        ("80/tcp", PortBinding(host_port="a"), "a"),
        ("80/tcp", PortBinding(host_ip="here", host_port="1"), "here"),
    ],
)
def test_what_cannot_be(port: str, binding: PortBinding, value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        port_requests(publishing({port: (binding,)}))
    assert value in str(caught.value)


def test_exposed_ranges() -> None:
    assert list(parse_exposed("8000-8002/sctp")) == [("sctp", 8000), ("sctp", 8001), ("sctp", 8002)]
