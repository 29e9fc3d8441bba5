"""Networks made, joined, left and removed, with containers that run and with such that do not."""

import json

import pytest

from tests.integration.networks.town import Town


def interfaces(town: Town, container: str) -> list[str]:
    return sorted(town.engine.ck("exec", container, "ls", "/sys/class/net").out.split())


def default_gateway(town: Town, container: str) -> str:
    words = town.engine.ck("exec", container, "ip", "route").out.split("default via ")
    return words[1].split()[0] if len(words) > 1 else ""


def gateway(town: Town, network: str) -> str:
    return town.engine.ck("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network).out.strip()


def test_connect_and_disconnect_while_it_runs(town: Town, upstream: str) -> None:
    town.engine.ck("network", "create", "app")
    town.serve("db", "--network", "app", "--dns", upstream)
    town.idle("web", "--dns", upstream)
    assert interfaces(town, "web") == ["eth0", "lo"]
    assert town.resolve("web", "db") == []
    town.engine.ck("network", "connect", "--alias", "front", "app", "web")
    assert interfaces(town, "web") == ["eth0", "eth1", "lo"]
    assert town.fetch_in("web", "http://db/") == "db"
    assert town.resolve("db", "front") == sorted(town.address("web", "app", version) for version in (4, 6))
    assert town.inspect("web", "{{len .NetworkSettings.Networks}}") == "2"
    assert default_gateway(town, "web") == gateway(town, "bridge")
    # The address on the new network is in /etc/hosts too.
    assert town.address("web", "app") in town.engine.ck("exec", "web", "cat", "/etc/hosts").out
    town.engine.ck("network", "disconnect", "app", "web")
    assert interfaces(town, "web") == ["eth0", "lo"]
    assert town.resolve("db", "front") == []
    town.engine.ck("network", "connect", "app", "web")
    town.engine.ck("network", "disconnect", "bridge", "web")
    assert default_gateway(town, "web") == gateway(town, "app")
    assert town.fetch_in("web", "http://db/") == "db"


def test_connect_while_it_does_not_run(town: Town) -> None:
    town.engine.ck("network", "create", "app")
    town.engine.ck("create", "--init", "--name", "web", town.image, "sleep", "1000000")
    town.engine.ck("network", "connect", "--ip", "", "app", "web")
    town.engine.ck("start", "web")
    assert interfaces(town, "web") == ["eth0", "eth1", "lo"]
    town.engine.ck("stop", "-t", "0", "web")
    town.engine.ck("network", "disconnect", "bridge", "web")
    town.engine.ck("start", "web")
    assert interfaces(town, "web") == ["eth0", "lo"]
    assert town.inspect("web", "{{json .NetworkSettings.Networks}}").count('"NetworkID"') == 1


def test_ports_follow_the_default_route(town: Town) -> None:
    """As in a tutorial: published on the default network, then joined to another, then taken off the first."""
    town.engine.ck("network", "create", "app")
    town.serve("web", "-p", "8087:80")
    town.engine.ck("network", "connect", "app", "web")
    assert town.fetch("http://127.0.0.1:8087/") == "web"
    town.engine.ck("network", "disconnect", "bridge", "web")
    assert town.fetch("http://127.0.0.1:8087/") == "web"
    town.engine.ck("network", "disconnect", "app", "web")
    assert not town.reached("127.0.0.1", 8087)
    assert town.engine.ck("port", "web").out == ""
    town.engine.ck("network", "connect", "bridge", "web")
    assert town.fetch("http://127.0.0.1:8087/") == "web"


def test_several_networks_from_the_start(town: Town) -> None:
    for name in ("one", "two"):
        town.engine.ck("network", "create", name)
    town.idle(
        "web",
        *("--network", "one"),
        *("--network", "name=two,gw-priority=1,driver-opt=com.docker.network.endpoint.ifname=front0"),
    )
    assert interfaces(town, "web") == ["eth0", "front0", "lo"]
    assert default_gateway(town, "web") == gateway(town, "two")


def test_addresses_that_are_asked_for(town: Town) -> None:
    town.engine.ck(
        *("network", "create", "--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/25", "--gateway", "10.77.0.254"),
        *("--aux-address", "printer=10.77.0.128", "--subnet", "fd77::/64", "app"),
    )
    town.idle("first", "--network", "app")
    town.idle(
        *("second", "--network", "app", "--ip", "10.77.0.9", "--ip6", "fd77::9"),
        *("--mac-address", "02:42:aa:bb:cc:dd", "--hostname", "two", "--domainname", "example.org"),
    )
    assert town.address("first", "app") == "10.77.0.129"
    assert (town.address("second", "app"), town.address("second", "app", 6)) == ("10.77.0.9", "fd77::9")
    assert town.engine.ck("exec", "second", "cat", "/sys/class/net/eth0/address").out == "02:42:aa:bb:cc:dd\n"
    assert "10.77.0.9\ttwo.example.org two" in town.engine.ck("exec", "second", "cat", "/etc/hosts").out
    assert default_gateway(town, "first") == "10.77.0.254"
    # What is asked for is there again after a restart, and is nobody else's.
    town.engine.ck("restart", "-t", "0", "second")
    assert town.address("second", "app") == "10.77.0.9"


def test_a_stable_address_while_others_come_and_go(town: Town) -> None:
    """An address that was given back is the last to be given again: neighbours may still know it as another's."""
    town.engine.ck("network", "create", "app")
    town.idle("first", "--network", "app")
    gone = town.address("first", "app")
    town.engine.ck("rm", "-f", "first")
    town.idle("second", "--network", "app")
    assert town.address("second", "app") != gone


def test_list_inspect_and_remove(town: Town) -> None:
    identifier = town.engine.ck("network", "create", "--label", "a=b", "app").out.strip()
    assert town.engine.ck("network", "ls", "-q", "--no-trunc", "-f", "label=a=b").out == f"{identifier}\n"
    town.idle("web", "--network", "app")
    shown = json.loads(town.engine.ck("network", "inspect", "app").out)[0]
    member = shown["Containers"][town.inspect("web", "{{.Id}}")]
    assert member["IPv4Address"] == f"{town.address('web', 'app')}/20"
    refused = town.engine.ck("network", "rm", "app", check=False)
    assert refused.code == 1 and "app is in use by container web" in refused.err
    town.engine.ck("rm", "-f", "web")
    assert town.engine.ck("network", "rm", "app").out == "app\n"
    assert "app" not in town.engine.ck("network", "ls", "--format", "{{.Name}}").out.split()
    assert f"ck{identifier[:12]}" not in town.links()


def test_a_network_of_another_container(town: Town) -> None:
    town.serve("web")
    town.idle("beside", "--network", "container:web")
    assert town.fetch_in("beside", "http://127.0.0.1/") == "web"


def test_events(town: Town) -> None:
    town.engine.ck("network", "create", "app")
    town.engine.ck("run", "--rm", "--network", "app", town.image, "true")
    town.engine.ck("network", "rm", "app")
    events = ("events", "--since", "1h", "--until", "0s", "-f", "type=network", "-f", "network=app")
    said = town.engine.ck(*events, "--format", "{{.Action}}").out.split()
    assert said[-4:] == ["create", "connect", "disconnect", "destroy"]


@pytest.mark.parametrize("mode", ["host", "none"])
def test_connect_needs_a_namespace_of_its_own(town: Town, mode: str) -> None:
    town.idle("web", "--network", mode)
    refused = town.engine.ck("network", "connect", "bridge", "web", check=False)
    assert refused.code == 1 and mode in refused.err
