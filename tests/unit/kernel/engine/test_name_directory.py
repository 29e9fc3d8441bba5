from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ck.kernel.drivers.network import Endpoint, NetworkConfig, Subnet
from ck.kernel.engine.name_directory import NameDirectory


def network(name: str) -> NetworkConfig:
    return NetworkConfig(
        id=f"id-{name}", name=name, driver="bridge", subnets=(Subnet(prefix="10.0.0.0/24", gateway="10.0.0.1"),)
    )


def endpoint(ipv4: str, ipv6: str = "") -> Endpoint:
    return Endpoint(network_id="n", ipv4_address=ipv4, ipv6_address=ipv6)


APP, OTHER = network("app"), network("Other")


def test_only_who_is_on_a_network_sees_its_names() -> None:
    directory = NameDirectory()
    directory.join(APP, "db", ["DB", "mysql"], endpoint("10.0.0.2", "fd00::2"))
    directory.join(APP, "web", ["web"], endpoint("10.0.0.3"))
    directory.join(OTHER, "else", ["else"], endpoint("10.0.0.4"))
    for name in ("db", "mysql", "db.app"):
        assert directory.addresses("web", name) == ["10.0.0.2", "fd00::2"]
    assert directory.addresses("else", "db") is None and directory.addresses("web", "else") is None
    assert directory.names("web", "10.0.0.2") == ["DB.app"]
    assert directory.names("else", "10.0.0.2") is None
    assert directory.covers("web", "10.0.0.99") and not directory.covers("web", "10.0.1.1")
    assert not directory.covers("nobody", "10.0.0.99")


def test_a_link_is_a_name_for_one() -> None:
    directory = NameDirectory()
    for name, address in (("db", "10.0.0.2"), ("web", "10.0.0.3"), ("other", "10.0.0.4")):
        directory.join(APP, name, [name], endpoint(address))
    directory.link("web", {"Store": "db"})
    assert directory.addresses("web", "store") == ["10.0.0.2"]
    assert directory.addresses("other", "store") is None
    directory.leave(APP.id, "db")
    assert directory.addresses("web", "store") is None


NAMES = st.sampled_from(["a", "b", "all"])
MEMBERS = st.integers(2, 6)


class DirectoryMachine(RuleBasedStateMachine):
    """A name means just those who have it at this moment, each of them once; who comes first changes."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = NameDirectory()
        self.directory.join(APP, "watcher", ["watcher"], endpoint("10.0.0.200"))
        self.members: dict[int, Sequence[str]] = {}

    @rule(member=MEMBERS, names=st.lists(NAMES, unique=True))
    def join(self, member: int, names: list[str]) -> None:
        self.directory.join(APP, f"c{member}", names, endpoint(f"10.0.0.{member}"))
        self.members[member] = names

    @rule(member=MEMBERS)
    def leave(self, member: int) -> None:
        self.directory.leave(APP.id, f"c{member}")
        self.members.pop(member, None)

    @invariant()
    def names_mean_who_has_them(self) -> None:
        for name in ("a", "b", "all"):
            holders = sorted(f"10.0.0.{member}" for member, names in self.members.items() if name in names)
            found = [self.directory.addresses("watcher", name) or [] for _ in holders or ["nobody"]]
            assert all(sorted(each) == holders for each in found)
            assert {each[0] for each in found if each} == set(holders)


TestDirectory = DirectoryMachine.TestCase
