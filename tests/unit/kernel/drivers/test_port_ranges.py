from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.network import PublishedPort
from ck.kernel.drivers.port_ranges import from_ranges, to_ranges


def port(number: int, *, host_ip: str = "0.0.0.0", shift: int = 8000, protocol: str = "tcp") -> PublishedPort:
    return PublishedPort(
        protocol=protocol, container_port=number, host_ip=host_ip, host_port=number + shift, network_id="n"
    )


PORTS = st.builds(
    port,
    st.integers(1, 30),
    host_ip=st.sampled_from(["0.0.0.0", "::", "127.0.0.1"]),
    shift=st.integers(0, 2),
    protocol=st.sampled_from(["tcp", "udp"]),
)


@given(st.lists(PORTS, max_size=60))
def test_what_is_written_is_read_again(ports: list[PublishedPort]) -> None:
    def order(each: PublishedPort) -> tuple[object, ...]:
        return (each.protocol, each.host_ip, each.container_port, each.host_port)

    assert sorted(from_ranges(to_ranges(ports)), key=order) == sorted(ports, key=order)


def test_ten_thousand_in_both_families_are_two_rows() -> None:
    ports = [port(number, host_ip=host_ip) for number in range(1, 10001) for host_ip in ("0.0.0.0", "::")]
    assert to_ranges(ports) == [["tcp", "0.0.0.0", "n", 1, 8001, 10000], ["tcp", "::", "n", 1, 8001, 10000]]
