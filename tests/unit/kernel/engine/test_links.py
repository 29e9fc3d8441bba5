import pytest

from ck.kernel.api.container import ContainerConfig
from ck.kernel.engine.links import link_environment, parse_link
from ck.kernel.errors import InvalidArgument
from tests.support.records import container


@pytest.mark.parametrize(
    ("text", "expected"), [("db", ("db", "db")), ("db:store", ("db", "store")), ("/db:/web/store", ("db", "store"))]
)
def test_links(text: str, expected: tuple[str, str]) -> None:
    assert parse_link(text) == expected


@pytest.mark.parametrize("text", ["", ":", "db:", ":store"])
def test_links_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_link(text)
    assert repr(text) in str(caught.value)


def test_the_environment_is_docker_s() -> None:
    target = container(
        name="db",
        config=ContainerConfig(exposed_ports=("5432/tcp", "53/udp"), env=("PASS=x=y", "PATH=/bin")),
    )
    assert link_environment("web", "my-db", target, "10.0.0.2") == [
        "MY_DB_NAME=/web/my-db",
        "MY_DB_PORT=udp://10.0.0.2:53",
        "MY_DB_PORT_53_UDP=udp://10.0.0.2:53",
        "MY_DB_PORT_53_UDP_ADDR=10.0.0.2",
        "MY_DB_PORT_53_UDP_PORT=53",
        "MY_DB_PORT_53_UDP_PROTO=udp",
        "MY_DB_PORT_5432_TCP=tcp://10.0.0.2:5432",
        "MY_DB_PORT_5432_TCP_ADDR=10.0.0.2",
        "MY_DB_PORT_5432_TCP_PORT=5432",
        "MY_DB_PORT_5432_TCP_PROTO=tcp",
        "MY_DB_ENV_PASS=x=y",
    ]
