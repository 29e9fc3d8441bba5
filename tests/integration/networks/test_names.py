"""Containers that find each other by name, and everybody else by the host's resolvers."""

import json

from tests.integration.networks.town import Town


def both(town: Town, container: str, network: str) -> list[str]:
    return sorted(town.address(container, network, version) for version in (4, 6))


def test_names_aliases_and_ids(town: Town) -> None:
    town.engine.ck("network", "create", "--internal", "app")
    town.idle("Db-1", "--network", "app", "--network-alias", "mysql", "--hostname", "dbhost")
    town.idle("web", "--network", "app")
    expected = both(town, "Db-1", "app")
    short = town.inspect("Db-1", "{{.Id}}")[:12]
    for name in ("db-1", "DB-1", "mysql", "dbhost", short, "db-1.app", "mysql."):
        assert town.resolve("web", name) == expected, name
    assert town.resolve("web", "nobody") == []
    for address in expected:
        assert "db-1.app" in town.engine.ck("exec", "web", "nslookup", address).out.lower()


def test_an_alias_of_many_is_rotated(town: Town) -> None:
    town.engine.ck("network", "create", "app")
    members = [town.idle(f"member-{number}", "--network", "app", "--network-alias", "all") for number in range(3)]
    town.idle("web", "--network", "app")
    assert town.resolve("web", "all") == sorted(each for member in members for each in both(town, member, "app"))
    script = "for i in 1 2 3 4 5 6; do nslookup -type=a all | sed -n '/^Address/p' | sed -n 2p; done"
    firsts = set(town.engine.ck("exec", "web", "sh", "-c", script).out.split("\n")) - {""}
    assert len(firsts) == 3, f"the same address is always the first: {firsts}"


def test_the_default_network_has_no_names(town: Town, upstream: str) -> None:
    town.idle("ann")
    town.idle("bob", "--dns", upstream)
    assert town.resolve("bob", "ann") == []


def test_a_name_is_there_with_its_container_and_no_longer(town: Town) -> None:
    town.engine.ck("network", "create", "--internal", "app")
    town.idle("web", "--network", "app")
    for _ in range(3):
        town.idle("db", "--network", "app")
        assert town.resolve("web", "db") == both(town, "db", "app")
        town.engine.ck("rm", "-f", "db")
        assert town.resolve("web", "db") == []


def test_a_server_of_the_container_s_own_on_port_53(town: Town) -> None:
    """It has 0.0.0.0:53, and the engine's names are answered all the same."""
    town.engine.ck("network", "create", "app")
    town.idle("web", "--network", "app")
    script = "nc -lu -p 53 -s 0.0.0.0 >/dev/null & nc -l -p 53 -s 0.0.0.0 >/dev/null & echo ready; exec sleep 1000000"
    town.engine.ck("run", "-d", "--init", "--name", "own", "--network", "app", town.image, "sh", "-c", script)
    town.ready("own")
    assert town.resolve("own", "web") == both(town, "web", "app")


def test_others_are_asked_where_no_container_has_the_name(town: Town, upstream: str) -> None:
    town.engine.ck("network", "create", "app")
    # A server that does not answer is asked beside one that does.
    town.idle("web", "--network", "app", "--dns", "10.99.0.77", "--dns", upstream, "--dns-search", "corp.example")
    town.idle("db", "--network", "app")
    assert town.resolve("web", "outside.example") == ["192.0.2.7"]
    # A name of a container wins over a search domain in which everybody has an address.
    assert town.resolve("web", "anybody.corp.example") == ["192.0.2.9"]
    assert town.resolve("web", "db.corp.example") == both(town, "db", "app")
    assert town.resolve("web", "db") == both(town, "db", "app")


def test_an_internal_network_asks_nobody_outside(town: Town, upstream: str) -> None:
    town.engine.ck("network", "create", "--internal", "inner")
    town.idle("web", "--network", "inner", "--dns", upstream)
    town.idle("db", "--network", "inner")
    assert town.resolve("web", "db") == both(town, "db", "inner")
    assert town.resolve("web", "outside.example") == []


def test_links_on_the_default_network(town: Town) -> None:
    town.engine.ck("run", "-d", "--init", "--name", "db", "-e", "PASS=x", "--expose", "3306", town.image, "sleep", "1d")
    town.idle("web", "--link", "db:database")
    address = town.inspect("db", "{{.NetworkSettings.IPAddress}}")
    hosts = town.engine.ck("exec", "web", "cat", "/etc/hosts").out
    assert f"{address}\tdatabase " in hosts
    env = json.loads(
        town.engine.ck("exec", "web", "sh", "-c", 'echo "[\\"$DATABASE_PORT\\", \\"$DATABASE_ENV_PASS\\"]"').out
    )
    assert env == [f"tcp://{address}:3306", "x"]


def test_links_on_a_network_of_users_are_names_for_one(town: Town) -> None:
    town.engine.ck("network", "create", "--internal", "app")
    town.idle("db", "--network", "app")
    town.idle("web", "--network", "app", "--link", "db:store")
    town.idle("other", "--network", "app")
    assert town.resolve("web", "store") == both(town, "db", "app")
    assert town.resolve("other", "store") == []


def test_the_gateway_of_the_host_has_a_name(town: Town) -> None:
    town.idle("web", "--add-host", "host.example:host-gateway")
    gateway = town.inspect("web", "{{.NetworkSettings.Gateway}}")
    assert f"{gateway}\thost.example" in town.engine.ck("exec", "web", "cat", "/etc/hosts").out


def test_names_over_tcp(town: Town) -> None:
    """As resolvers ask when an answer was cut off."""
    town.engine.ck("network", "create", "--internal", "app")
    town.idle("db", "--network", "app")
    script = (
        "import socket, struct; s = socket.create_connection(('127.0.0.11', 53), timeout=10)\n"
        "for kind in (1, 28):\n"
        "    q = struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\2db\\0' + struct.pack('>2H', kind, 1)\n"
        "    s.sendall(struct.pack('>H', len(q)) + q)\n"
        "    n = struct.unpack('>H', s.recv(2, socket.MSG_WAITALL))[0]; a = s.recv(n, socket.MSG_WAITALL)\n"
        "    print(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, a[-4 if kind == 1 else -16:]))\n"
    )
    said = town.engine.ck("run", "--rm", "--network", "app", "host/python3", "python3", "-c", script).out.split()
    assert said == [town.address("db", "app"), town.address("db", "app", 6)]
