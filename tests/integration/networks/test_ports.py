"""The forms of --publish, and what `ck port` and `ck ps` say of them."""

import sys

from tests.integration.networks.town import Town
from tests.support.machine import HOST4, HOST6, LAN4

_ASK_UDP = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(5); s.bind(("", int(sys.argv[3])))
s.sendto(b"hello", (sys.argv[1], int(sys.argv[2]))); print(s.recv(100).decode())
"""
_ECHO_UDP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53)); print("ready", flush=True)
while True:
    data, sender = s.recvfrom(100); s.sendto(b"NAME " + sender[0].encode(), sender)
"""


def test_ranges_and_a_choice_of_the_engine(town: Town) -> None:
    town.idle("many", "-p", "8200-8202:80-82", "-p", "443", "-p", "53:53/udp")
    lines = set(town.engine.ck("port", "many").out.splitlines())
    assert {"80/tcp -> 0.0.0.0:8200", "82/tcp -> [::]:8202", "53/udp -> 0.0.0.0:53"} <= lines
    chosen = {line.rpartition(":")[2] for line in lines if line.startswith("443/tcp")}
    assert len(chosen) == 1, f"both families have the same port: {chosen}"
    assert "0.0.0.0:8200-8202->80-82/tcp" in town.engine.ck("ps", "--format", "{{.Ports}}").out


def test_a_free_port_of_a_range(town: Town) -> None:
    for name, expected in (("one", "8210"), ("two", "8211")):
        town.idle(name, "-p", "8210-8211:80")
        assert town.engine.ck("port", name, "80").out.splitlines()[0] == f"0.0.0.0:{expected}"
    refused = town.engine.ck("run", "--rm", "-p", "8210-8211:80", town.image, "true", check=False)
    assert refused.code == 125 and "no port of 8210-8211/tcp is free" in refused.err


def test_publish_all(town: Town) -> None:
    town.serve("web", "--expose", "80", "--expose", "90-91/udp", "-P")
    lines = town.engine.ck("port", "web").out.splitlines()
    assert {line.split()[0] for line in lines} == {"80/tcp", "90/udp", "91/udp"}
    port = next(line.rpartition(":")[2] for line in lines if line.startswith("80/tcp -> 0.0.0.0"))
    assert town.fetch(f"http://127.0.0.1:{port}/") == "web"


def test_udp_goes_to_the_new_container_at_once(town: Town) -> None:
    """The kernel remembers who has sent where, and a client that goes on has no new connection."""
    for name in ("first", "second"):
        script = _ECHO_UDP.replace("NAME", name)
        town.engine.ck(
            "run", "-d", "--init", "--name", name, "-p", "8220:53/udp", "host/python3", "python3", "-c", script
        )
        town.ready(name)
        said = town.machine.run(town.machine.lan, sys.executable, "-c", _ASK_UDP, HOST4, "8220", "40000")
        assert said.split() == [name, LAN4]
        town.engine.ck("rm", "-f", name)


def test_udp_to_the_loopback_of_ipv6(town: Town) -> None:
    """Which the kernel does not send to a container."""
    words = (
        "run",
        "-d",
        "--init",
        "--name",
        "echo",
        "-p",
        "8221:53/udp",
        "-p",
        "127.0.0.1:8222:53/udp",
        "host/python3",
    )
    town.engine.ck(*words, "python3", "-c", _ECHO_UDP.replace("NAME", "hello"))
    town.ready("echo")
    for address, port in (("::1", "8221"), ("127.0.0.1", "8221"), ("127.0.0.1", "8222"), (HOST4, "8221")):
        for own in ("40001", "40002"):
            said = town.machine.run(town.machine.host, sys.executable, "-c", _ASK_UDP, address, port, own)
            assert said.startswith("hello"), (address, port, said)


def test_a_network_without_ipv6_is_reached_by_it(town: Town) -> None:
    town.engine.ck("network", "create", "--ipv6=false", "old")
    town.serve("web", "--network", "old", "-p", "8223:80")
    for address in ("127.0.0.1", "[::1]", HOST4, f"[{HOST6}]"):
        assert town.fetch(f"http://{address}:8223/") == "web"
    assert town.fetch(f"http://[{HOST6}]:8223/", lan=True) == "web"


def test_sctp_is_published(town: Town) -> None:
    town.idle("phone", "-p", "8230:8230/sctp")
    assert town.engine.ck("port", "phone").out.splitlines()[0] == "8230/sctp -> 0.0.0.0:8230"


def test_a_thousand_ports(town: Town) -> None:
    town.idle("many", "-p", "20000-20999:20000-20999")
    assert len(town.engine.ck("port", "many").out.splitlines()) == 2000
    town.engine.ck("rm", "-f", "many")
    town.idle("again", "-p", "20500:80")
