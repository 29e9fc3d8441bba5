"""Beside the firewalls of others: their drops do not cut containers off, and where the config says so, their rules for
input decide who reaches published ports."""

import shutil
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from ck.kernel.linux.netns import inside
from ck.kernel.linux.nftables.attributes import attribute
from ck.kernel.linux.nftables.connection import Nftables, monitor
from ck.kernel.linux.nftables.expressions import (
    DROP,
    JUMP,
    META_L4PROTO,
    TRANSPORT_HEADER,
    equal,
    meta,
    payload,
    verdict,
)
from ck.kernel.linux.nftables.messages import INET, IPV4, IPV6, Hook, Message, Point, Table
from tests.integration.networks.town import Town
from tests.support.daemon import Daemon
from tests.support.machine import HOST4, HOST6, LAN4, LAN6, Machine


def closing(family: int, name: str, chain: str) -> Iterator[Message]:
    """A table such as Docker's or ufw's."""
    table = Table(family, name)
    yield table.create()
    message = table.add_chain(chain, Hook("filter", Point.FORWARD, 0))
    # The policy is the last attribute.
    message.body = message.body[: -len(attribute(5, bytes(4)))] + attribute(5, bytes(4))
    yield message


def commit(machine: Machine, messages: Callable[[], Iterator[Message]]) -> None:
    with inside(machine.host), Nftables() as nftables:
        nftables.commit(messages())


def new_rules(received: bytes) -> int:
    """How many rules these notices tell of (NFT_MSG_NEWRULE)."""
    count = offset = 0
    while offset < len(received):
        length, kind = struct.unpack_from("=IH", received, offset)
        count += kind & 0xFF == 6
        offset += length + -length % 4
    return count


@pytest.mark.parametrize("for_users", [False, True])
def test_a_forward_chain_that_drops(own_town: Town, for_users: bool) -> None:
    town = own_town

    def docker() -> Iterator[Message]:
        for family in (IPV4, IPV6):
            table = Table(family, "filter")
            yield from closing(family, "filter", "FORWARD")
            if for_users:
                yield table.add_chain("DOCKER-USER")
                yield table.add_rule("FORWARD", verdict(JUMP, "DOCKER-USER"))

    def gone() -> Iterator[Message]:
        yield Table(IPV4, "filter").delete()
        yield Table(IPV6, "filter").delete()

    def reaches() -> bool:
        pings = [town.engine.ck("exec", "web", "ping", "-c", "1", "-W", "2", to, check=False) for to in (LAN4, LAN6)]
        return all(ping.code == 0 for ping in pings)

    commit(town.machine, docker)
    town.serve("web", "-p", "8400:80")
    for _ in range(2):
        assert reaches()
        for address in (HOST4, f"[{HOST6}]"):
            assert town.fetch(f"http://{address}:8400/", lan=True) == "web"
        # As when that firewall is started again: what was in its table is lost, and comes back.
        with inside(town.machine.host), monitor() as changes:
            commit(town.machine, gone)
            commit(town.machine, docker)
            changes.settimeout(10)
            rules = 0
            while rules < (6 if for_users else 4):  # two of ours in each family, and the jump
                rules += new_rules(changes.recv(1 << 16))


def test_which_rule_lets_in_or_stops(own_town: Town) -> None:
    town = own_town
    town.idle("web", "-p", "8403:80", "-p", "127.0.0.1:8404:80")

    def explained(port: str) -> str:
        return town.engine.ck("port", "explain", port).out

    assert f"0.0.0.0:8403/tcp leads to port 80 of container {town.inspect('web', '{{.Id}}')[:12]}" in explained("8403")
    assert "accepted by rule" in explained("8403") and "dropped" not in explained("8403")
    assert "not published on an IPv4 address that others reach" in explained("8404")
    table = Table(IPV4, "strict")

    def strict() -> Iterator[Message]:
        yield table.create()
        yield table.add_chain("late", Hook("filter", Point.FORWARD, 10))
        yield table.add_rule("late", meta(META_L4PROTO), equal(bytes([socket.IPPROTO_TCP])), verdict(DROP))

    commit(town.machine, strict)
    assert "of chain late in table ip strict" in explained("8403").splitlines()[-1]
    assert "dropped by rule" in explained("8403").splitlines()[-1]
    # Nothing of the question is left.
    assert [link for link in town.links() if link.startswith("ckt")] == []
    refused = town.engine.ck("port", "explain", "1", check=False)
    assert refused.code == 1 and "port 1/tcp is published by no container" in refused.err


@pytest.fixture
def polite_engine(own_machine: Machine) -> Iterator[Daemon]:
    config = '[drivers.network.bridge]\npublished_ports = "respect-host"\n'
    with Daemon(config=config, netns=own_machine.host) as engine:
        yield engine


def test_the_host_s_rules_for_input_decide(own_machine: Machine, polite_engine: Daemon, busybox_image: str) -> None:
    town = Town(own_machine, polite_engine, busybox_image)
    table = Table(INET, "host")

    def deny() -> Iterator[Message]:
        """As `ufw deny 8401` does."""
        yield table.create()
        yield table.add_chain("input", Hook("filter", Point.INPUT, 0))
        port = payload(TRANSPORT_HEADER, 2, 2)
        tcp = [meta(META_L4PROTO), equal(bytes([socket.IPPROTO_TCP]))]
        yield table.add_rule("input", *tcp, port, equal(struct.pack(">H", 8401)), verdict(DROP))

    town.serve("web", "-p", "8401:80", "-p", f"{HOST4}:8402:80")
    commit(own_machine, deny)
    assert not town.reached(HOST4, 8401, lan=True)
    assert not town.reached(HOST6, 8401, lan=True)
    assert town.fetch(f"http://{HOST4}:8402/", lan=True) == "web"
    assert town.fetch("http://127.0.0.1:8401/") == "web"
    commit(own_machine, lambda: iter([table.delete()]))
    for address in (HOST4, f"[{HOST6}]"):
        assert town.fetch(f"http://{address}:8401/", lan=True) == "web"


def test_a_table_that_is_somebody_else_s_is_left_alone(own_town: Town) -> None:
    town, table = own_town, Table(INET, "ck")
    commit(town.machine, lambda: iter([table.create(), table.add_chain("theirs")]))
    refused = town.engine.ck("run", "--rm", town.image, "true", check=False)
    assert refused.code == 125 and "a table of nftables named ck that is not this engine's" in refused.err
    with inside(town.machine.host), Nftables() as nftables:
        assert nftables.exists(table.get())
        nftables.commit([table.delete()])
    town.engine.ck("run", "--rm", town.image, "true")


def test_a_table_that_an_engine_has_left_is_taken_over(own_town: Town) -> None:
    """As when the directory of its state is gone."""
    town = own_town
    town.engine.ck("run", "--rm", town.image, "true")
    town.engine.stop()
    shutil.rmtree(town.engine.run_root / "network")
    town.engine.start()
    town.engine.ck("run", "--rm", "-p", "8405:80", town.image, "true")
