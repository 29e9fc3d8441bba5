import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.network import SubnetRequest
from ck.kernel.engine.address_pools import Prefix, choose_subnet, make_subnet
from ck.kernel.errors import Conflict, InvalidArgument, Unavailable

POOL: Prefix = ipaddress.ip_network("10.0.0.0/16")
PREFIXES4 = st.builds(
    lambda address, length: ipaddress.ip_network((address, length), strict=False),
    st.integers(0x0A000000, 0x0A01FFFF),
    st.integers(12, 30),
)


@given(st.lists(PREFIXES4, max_size=20), st.integers(17, 28))
def test_what_is_chosen_meets_nothing(taken: list[Prefix], length: int) -> None:
    try:
        subnet = choose_subnet([(POOL, length)], dict.fromkeys(taken, "somebody"))
    except Unavailable:
        # Then every subnet of the pool meets something.
        for candidate in POOL.subnets(new_prefix=length):
            assert any(each.overlaps(candidate) for each in taken)
        return
    chosen = ipaddress.ip_network(subnet.prefix)
    assert chosen.prefixlen == length and chosen.overlaps(POOL)
    assert not any(each.overlaps(chosen) for each in taken)
    assert ipaddress.ip_address(subnet.gateway) == chosen.network_address + 1


def test_the_pools_are_tried_in_order() -> None:
    pools: list[tuple[Prefix, int]] = [
        (ipaddress.ip_network("10.0.0.0/24"), 24),
        (ipaddress.ip_network("10.1.0.0/24"), 25),
    ]
    taken: dict[Prefix, str] = {}
    found = []
    for _ in range(3):
        subnet = choose_subnet(pools, taken)
        found.append(subnet.prefix)
        taken[ipaddress.ip_network(subnet.prefix)] = "us"
    assert found == ["10.0.0.0/24", "10.1.0.0/25", "10.1.0.128/25"]
    with pytest.raises(Unavailable, match=r"10\.0\.0\.0/24, 10\.1\.0\.0/24"):
        choose_subnet(pools, taken)


def test_a_pool_of_millions_is_not_walked() -> None:
    taken: dict[Prefix, str] = {ipaddress.ip_network("fd00::/9"): "a VPN"}
    assert choose_subnet([(ipaddress.ip_network("fd00::/8"), 64)], taken).prefix == "fd80::/64"


@pytest.mark.parametrize(
    ("request_", "error", "sentence"),
    [
        (SubnetRequest(prefix="10.0.0.0/33"), InvalidArgument, "10.0.0.0/33"),
        (SubnetRequest(prefix="10.0.0.0/31"), InvalidArgument, "no room"),
        (SubnetRequest(prefix="172.20.0.0/16"), Conflict, "overlaps the route of tun0 (172.16.0.0/12)"),
        (SubnetRequest(prefix="10.0.0.0/24", gateway="10.0.1.1"), InvalidArgument, "gateway 10.0.1.1 is not within"),
        (SubnetRequest(prefix="10.0.0.0/24", gateway="10.0.0.255"), InvalidArgument, "10.0.0.255 is not a host's"),
        (SubnetRequest(prefix="10.0.0.0/24", gateway="x"), InvalidArgument, "invalid gateway 'x'"),
        (SubnetRequest(prefix="10.0.0.0/24", ip_range="10.0.1.0/25"), InvalidArgument, "ip-range 10.0.1.0/25"),
        (SubnetRequest(prefix="10.0.0.0/24", ip_range="fd00::/64"), InvalidArgument, "ip-range fd00::/64"),
        (SubnetRequest(prefix="10.0.0.0/24", reserved={"a": "10.1.0.1"}), InvalidArgument, "a=10.1.0.1"),
    ],
)
def test_subnets_that_cannot_be(request_: SubnetRequest, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        make_subnet(request_, {ipaddress.ip_network("172.16.0.0/12"): "the route of tun0"})
    assert sentence in str(caught.value)


def test_a_subnet_is_what_was_asked_for() -> None:
    subnet = make_subnet(SubnetRequest(prefix="10.0.0.9/24", ip_range="10.0.0.128/25", reserved={"a": "10.0.0.7"}), {})
    assert (subnet.prefix, subnet.gateway, subnet.ip_range) == ("10.0.0.0/24", "10.0.0.1", "10.0.0.128/25")
    assert subnet.reserved == {"a": "10.0.0.7"}
