"""Who reaches whom: the matrix of published ports and networks."""

import pytest

from tests.integration.networks.town import Town
from tests.support.machine import HOST4, HOST6, LAN4, LAN6

BRIDGE_NETFILTER = pytest.mark.parametrize("netfilter", ["0", "1"])


def set_bridge_netfilter(town: Town, value: str) -> None:
    """Whether bridged packets meet the rules of IP: hosts with Kubernetes or Docker have it on."""
    for name in ("iptables", "ip6tables"):
        path = f"/proc/sys/net/bridge/bridge-nf-call-{name}"
        town.machine.run(town.machine.host, "sh", "-c", f"test ! -e {path} || echo {value} > {path}")


@BRIDGE_NETFILTER
def test_a_published_port_is_reached_from_everywhere(town: Town, netfilter: str) -> None:
    set_bridge_netfilter(town, netfilter)
    town.engine.ck("network", "create", "front")
    town.serve("web", "--network", "front", "-p", "8080:80")
    neighbour, stranger = town.idle("neighbour", "--network", "front"), town.idle("stranger")
    for address in ("127.0.0.1", "[::1]", HOST4, f"[{HOST6}]"):
        assert town.fetch(f"http://{address}:8080/") == "web"
    for address in (HOST4, f"[{HOST6}]"):
        assert town.fetch(f"http://{address}:8080/", lan=True) == "web"
        for container in ("web", neighbour, stranger):
            assert town.fetch_in(container, f"http://{address}:8080/") == "web", (container, address)
    # The gateway of any network is an address of the host.
    gateway = town.inspect("stranger", "{{.NetworkSettings.Gateway}}")
    assert town.fetch_in("stranger", f"http://{gateway}:8080/") == "web"


@BRIDGE_NETFILTER
def test_networks_are_apart(town: Town, netfilter: str) -> None:
    set_bridge_netfilter(town, netfilter)
    town.engine.ck("network", "create", "one")
    town.engine.ck("network", "create", "two")
    for name, network in (("ann", "one"), ("bob", "one"), ("cleo", "two")):
        town.serve(name, "--network", network)
    for version in (4, 6):
        bob, cleo = town.address("bob", "one", version), town.address("cleo", "two", version)
        assert town.reaches("ann", bob)
        assert not town.reaches("ann", cleo)
    # Nor does the neighbour of the host reach a container but by a published port.
    town.machine.ip(town.machine.lan, f"route replace {town.address('ann', 'one')} via {HOST4}")
    assert not town.reached(town.address("ann", "one"), 80, lan=True)
    assert town.reached(town.address("ann", "one"), 80)


def test_containers_reach_the_outside_as_the_host(town: Town) -> None:
    town.engine.ck("network", "create", "out")
    town.idle("ann", "--network", "out")
    for address in (LAN4, LAN6):
        assert "0% packet loss" in town.engine.ck("exec", "ann", "ping", "-c", "1", "-W", "5", address).out
    mtu = town.engine.ck("exec", "ann", "cat", "/sys/class/net/eth0/mtu").out.strip()
    assert mtu == "1480", "the MTU is that of the uplink"


def test_an_internal_network_reaches_nothing_outside(town: Town) -> None:
    town.engine.ck("network", "create", "--internal", "inner")
    town.serve("ann", "--network", "inner", "-p", "8081:80")
    town.idle("bob", "--network", "inner")
    assert town.reaches("bob", town.address("ann", "inner"))
    assert town.engine.ck("exec", "bob", "ping", "-c", "1", "-W", "1", LAN4, check=False).code != 0
    assert not town.reached(HOST4, 8081, lan=True)
    assert "default" not in town.engine.ck("exec", "bob", "ip", "route").out


def test_without_icc_containers_do_not_reach_one_another(town: Town) -> None:
    town.engine.ck("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "shy")
    for name in ("ann", "bob"):
        town.serve(name, "--network", "shy", *(["-p", "8082:80"] if name == "ann" else []))
    assert not town.reaches("bob", town.address("ann", "shy"))
    assert town.fetch(f"http://{HOST4}:8082/", lan=True) == "ann"


def test_a_port_of_one_address_is_not_one_of_another(town: Town) -> None:
    town.serve("local", "-p", "127.0.0.1:8083:80", "-p", f"{HOST4}:8084:80", "-p", "[::1]:8085:80")
    stranger = town.idle("stranger")
    assert town.fetch("http://127.0.0.1:8083/") == "local"
    assert town.fetch("http://[::1]:8085/") == "local"
    assert town.fetch(f"http://{HOST4}:8084/", lan=True) == "local"
    assert not town.reached("127.0.0.1", 8084)
    assert not town.reached(HOST4, 8083, lan=True)
    assert not town.reached(HOST6, 8085, lan=True)
    assert not town.reaches(stranger, HOST4, 8083)
    # Nor by a packet that claims to be for 127.0.0.1 and comes from outside.
    town.machine.ip(town.machine.lan, f"route replace 127.0.0.1 via {HOST4} table local")
    town.machine.ip(town.machine.lan, "link set lo down")
    try:
        assert not town.reached("127.0.0.1", 8083, lan=True)
    finally:
        town.machine.ip(town.machine.lan, f"route del 127.0.0.1 via {HOST4} table local")
        town.machine.ip(town.machine.lan, "link set lo up")


def test_the_source_address_is_kept(town: Town) -> None:
    # The server says who has asked.
    page = "#!/bin/sh\necho; echo $REMOTE_ADDR"
    script = f"mkdir -p /www/cgi-bin; printf '{page}' >/www/cgi-bin/who; chmod +x /www/cgi-bin/who; "
    script += "httpd -p 80 -h /www && echo ready; exec sleep 1000000"
    town.engine.ck("run", "-d", "--init", "--name", "who", "-p", "8086:80", town.image, "sh", "-c", script)
    town.ready("who")
    assert LAN4 in town.fetch(f"http://{HOST4}:8086/cgi-bin/who", lan=True)
    assert LAN6 in town.fetch(f"http://[{HOST6}]:8086/cgi-bin/who", lan=True)
