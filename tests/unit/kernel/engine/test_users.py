from collections.abc import Sequence
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import Container, ContainerConfig, HostConfig, IdRange
from ck.kernel.archive.owners import Owners
from ck.kernel.config import UserNamespaces
from ck.kernel.engine.context import now
from ck.kernel.engine.users import (
    Mappings,
    Obstacles,
    choose_range,
    container_mappings,
    joined,
    owner_mappings,
    parse_subordinates,
    shared_range,
    wants_users,
)
from ck.kernel.errors import Conflict, InvalidArgument, Unsupported
from ck.kernel.linux.user_namespace import MAXIMUM, IdMapping

NONE = Obstacles()
SETTINGS = UserNamespaces(first=1000, last=1999, size=100)
RANGES = st.builds(IdRange, first=st.integers(0, 3000), size=st.integers(1, 500))


def container(name: str, users: IdRange | None) -> Container:
    return Container(
        id=name * 64,
        name=name,
        created=now(),
        image_id="",
        image_ref="",
        path="",
        args=(),
        config=ContainerConfig(),
        host_config=HostConfig(),
        users=users,
    )


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(privileged=True),
        HostConfig(network_mode="host"),
        HostConfig(pid_mode="host"),
        HostConfig(ipc_mode="host"),
        HostConfig(uts_mode="host"),
        HostConfig(device_cgroup_rules=("c 1:2 r",)),
        HostConfig(cap_add=("sys_admin",)),
        HostConfig(cap_add=("CAP_SYS_TIME",)),
        HostConfig(cap_add=("ALL",)),
    ],
)
def test_what_needs_the_host_s_users_has_them_unless_told_otherwise(host: HostConfig) -> None:
    assert not wants_users(host, "auto", NONE)
    with pytest.raises(InvalidArgument, match="cannot be had with --userns auto"):
        wants_users(attrs.evolve(host, userns_mode="auto"), "host", NONE)


def test_modes() -> None:
    plain, auto, own = HostConfig(), HostConfig(userns_mode="auto"), HostConfig(userns_mode="host")
    assert [wants_users(each, "host", NONE) for each in (plain, auto, own)] == [False, True, False]
    assert [wants_users(each, "auto", NONE) for each in (plain, auto, own)] == [True, True, False]
    old, older = Obstacles(wished="an old kernel"), Obstacles(needed="an older one", wished="an older one")
    assert [wants_users(plain, "auto", each) for each in (old, older)] == [False, False]
    assert wants_users(auto, "host", old)
    with pytest.raises(Unsupported, match="an older one"):
        wants_users(auto, "host", older)
    with pytest.raises(InvalidArgument, match="'keep-id'"):
        wants_users(HostConfig(userns_mode="keep-id"), "host", NONE)
    assert wants_users(HostConfig(cap_add=("NET_ADMIN", "SYS_PTRACE")), "auto", NONE)


@given(st.lists(RANGES, max_size=12))
def test_a_range_meets_no_other(taken: list[IdRange]) -> None:
    try:
        chosen = choose_range(SETTINGS, taken)
    except Conflict:
        for first in range(1000, 1901, 100):
            assert any(each.first < first + 100 and first < each.first + each.size for each in taken)
        return
    assert chosen.first >= 1000 and chosen.first + chosen.size - 1 <= 1999 and chosen.size == 100
    assert not any(each.first < chosen.first + chosen.size and chosen.first < each.first + each.size for each in taken)


def test_who_shares_a_namespace_shares_its_users() -> None:
    one, two = container("a", IdRange(first=1, size=2)), container("b", IdRange(first=3, size=2))
    plain = container("c", None)
    assert shared_range(True, False, [one]) == shared_range(False, False, [one]) == one.users
    assert shared_range(True, False, [plain]) is None
    with pytest.raises(Conflict, match="different users"):
        shared_range(True, False, [one, two])
    with pytest.raises(Conflict, match="'c' has the host's users"):
        shared_range(True, True, [plain])
    with pytest.raises(Conflict, match="'a' has users of its own"):
        shared_range(False, True, [one])
    assert joined(HostConfig(network_mode="container:x", ipc_mode="container:y", pid_mode="container:x")) == ["x", "y"]


def test_subordinate_ids() -> None:
    text = "ck:100000:65536\n# a comment:1:2\nroot:5:1 # more\nbroken:x:1\n:1\nnone:7:0\n"
    assert parse_subordinates(text) == [IdRange(first=100000, size=65536), IdRange(first=5, size=1)]


def test_a_container_s_mappings() -> None:
    mapping = (IdMapping(0, 5000, 100),)
    assert container_mappings(IdRange(first=5000, size=100)) == Mappings(users=mapping, groups=mapping)
    default = UserNamespaces()
    users = choose_range(default, [])
    assert users == IdRange(first=default.first, size=default.size, others=default.others)
    own, others = container_mappings(users).users
    assert own == (0, default.first, 65536)
    assert others == (65536, 0x8001_0000, 0x7FFE_FFFF)  # up to the last ID but one of a signed number, and of all
    assert others.outside + others.size == MAXIMUM


own = st.builds(IdRange, first=st.integers(1, 2**30), size=st.just(65536), others=st.sampled_from([0, 2**31]))


@given(st.integers(1, 200_000), st.none() | own, st.integers(1, 300_000))
def test_the_owner_on_disk_is_root_inside_and_no_id_has_two_meanings(
    owner: int, users: IdRange | None, other: int
) -> None:
    parts = owner_mappings((owner, owner), users).users
    ids = container_mappings(users).users if users else (IdMapping(0, 0, MAXIMUM - 1),)
    assert parts[0] == (owner, ids[0].outside, 1)
    disk = sorted((part.inside, part.inside + part.size) for part in parts)
    host = sorted((part.outside, part.outside + part.size) for part in parts)
    for spans in (disk, host):
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert not any(begin <= 0 < end for begin, end in disk)  # root's on disk is nobody's inside
    if other != owner:
        assert outside(parts, other) == outside(ids, other)
    assert owner_mappings((owner, owner), users, alone=True).users == parts[:1]


def outside(mappings: Sequence[IdMapping], inside: int) -> int | None:
    found = (each for each in mappings if each.inside <= inside < each.inside + each.size)
    return next((each.outside + inside - each.inside for each in found), None)


@given(own, st.integers(0, 2**31 - 2))
def test_archives_and_the_kernel_agree_on_whose_a_file_is(users: IdRange, inside: int) -> None:
    host = outside(container_mappings(users).users, inside)
    owners = Owners(first=users.first, size=users.size, others=users.others)
    if host is not None:
        assert owners.outside(inside) == host and owners.inside(host) == inside
