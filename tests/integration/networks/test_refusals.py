"""What cannot be is refused by one sentence that names it, and nothing is left of it."""

import subprocess
import sys

import pytest

from tests.integration.networks.town import Town

_HOLD = """
import socket, sys
s = socket.socket(); s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(); print("ready", flush=True); sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--network", "nowhere"), 125, "network nowhere not found"),
        (("--network", "app", "--ip", "10.9.9.9"), 125, "address 10.9.9.9 is not within subnet 10.78.0.0/24"),
        (("--network", "app", "--ip", "10.78.0.5"), 125, "address 10.78.0.5 is in use by container"),
        (("--network", "app", "--ip", "10.78.0.1"), 125, "address 10.78.0.1 is reserved in subnet 10.78.0.0/24"),
        (("--network", "app", "--ip", "10.78.0"), 125, "10.78.0"),
        (("--network", "app", "--ip6", "fd99::1"), 125, "network app has no subnet of IPv6 to take fd99::1 from"),
        (("--network", "app", "--mac-address", "02:42:zz"), 125, "invalid MAC address '02:42:zz'"),
        (("--network", "app", "--mac-address", "01:00:5e:00:00:01"), 125, "invalid MAC address '01:00:5e:00:00:01'"),
        (("--network", "none", "--network", "app"), 125, "network 'none' cannot be combined with other networks"),
        (("--network", "container:nobody"), 125, "nobody"),
        (("-p", "99999:80"), 125, "99999"),
        (("-p", "192.0.2.1:8090:80"), 125, "192.0.2.1 is no address of this host"),
        (("--link", "nobody:alias"), 125, "nobody"),
        (
            ("--network", "name=app,driver-opt=com.docker.network.endpoint.ifname=a/b"),
            125,
            "invalid interface name 'a/b'",
        ),
        (("--dns", "resolver"), 125, "resolver"),
        (("--add-host", "name:nowhere"), 125, "nowhere"),
    ],
)
def test_run(town: Town, words: tuple[str, ...], code: int, sentence: str) -> None:
    town.engine.ck("network", "create", "--subnet", "10.78.0.0/24", "app")
    if "app" in words and "fd99::1" in words:
        town.engine.ck("network", "rm", "app")
        # By the API: a client may switch IPv6 off.
        town.engine.ck("network", "create", "--ipv6=false", "--subnet", "10.78.0.0/24", "app")
    town.idle("holder", "--network", "app", "--ip", "10.78.0.5")
    refused = town.engine.ck("run", "--rm", *words, town.image, "true", check=False)
    assert refused.code == code and sentence in refused.err, refused.err
    assert town.engine.ck("ps", "-a", "--format", "{{.Names}}").out == "holder\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("app",), "network with name app already exists"),
        (("a b",), "invalid network name 'a b'"),
        (("host",), "network 'host' cannot be made"),
        (("-d", "nothing", "new"), "nothing"),
        (("-o", "colour=red", "new"), "unknown option 'colour'"),
        (("-o", "com.docker.network.driver.mtu=big", "new"), "invalid value 'big'"),
        (("-o", "com.docker.network.bridge.name=up0", "new"), "cannot have the bridge up0"),
        (("--subnet", "10.78.0.0/16", "new"), "overlaps network app (10.78.0.0/24)"),
        (("--subnet", "10.99.0.0/25", "new"), "overlaps the route of this host by up0 (10.99.0.0/24)"),
        (("--subnet", "10.80.0.0/33", "new"), "10.80.0.0/33"),
        (("--subnet", "10.80.0.0/24", "--gateway", "10.81.0.1", "new"), "10.81.0.1"),
        (("--subnet", "10.80.0.0/24", "--ip-range", "10.81.0.0/24", "new"), "10.81.0.0/24"),
        (("--gateway", "10.81.0.1", "new"), "10.81.0.1"),
    ],
)
def test_create(town: Town, words: tuple[str, ...], sentence: str) -> None:
    town.engine.ck("network", "create", "--subnet", "10.78.0.0/24", "app")
    before = town.engine.ck("network", "ls").out
    links = town.links()
    refused = town.engine.ck("network", "create", *words, check=False)
    assert refused.code in (1, 125) and sentence in refused.err, refused.err
    assert town.engine.ck("network", "ls").out == before
    assert town.links() == links


def test_a_port_that_a_container_has(town: Town) -> None:
    town.idle("first", "-p", "8091:80")
    refused = town.engine.ck("run", "-d", "--name", "second", "-p", "8092:80", "-p", "8091:80", town.image, check=False)
    assert refused.code == 125
    assert f"port 8091/tcp of 0.0.0.0 is in use by container {town.inspect('first', '{{.Id}}')[:12]}" in refused.err
    # All or none: the other port is free.
    town.idle("third", "-p", "8092:80")


def test_a_port_that_a_process_has(town: Town) -> None:
    words = (sys.executable, "-c", _HOLD, "8093")
    with subprocess.Popen(
        ("nsenter", f"--net=/proc/self/fd/{town.machine.host}", *words),
        pass_fds=(town.machine.host,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        refused = town.engine.ck("run", "--rm", "-p", "8093:80", town.image, "true", check=False)
        process.communicate()
    assert refused.code == 125
    assert f"port 8093/tcp of 0.0.0.0 is in use by process {process.pid} (python" in refused.err
    town.engine.ck("run", "--rm", "-p", "8093:80", town.image, "true")


def test_a_published_port_is_nobody_elses(town: Town) -> None:
    town.idle("web", "-p", "8094:80")
    said = town.machine.run(town.machine.host, sys.executable, "-c", _HOLD, "8094", check=False, stdin=b"")
    assert "Address already in use" in said
    town.engine.ck("rm", "-f", "web")
    assert "ready" in town.machine.run(town.machine.host, sys.executable, "-c", _HOLD, "8094", stdin=b"")


def test_host_network_with_ports_is_warned_of(town: Town) -> None:
    said = town.engine.ck("run", "--rm", "--network", "host", "-p", "8095:80", town.image, "true")
    assert "Published ports are discarded when using host network mode" in said.err


def test_loops_of_shared_networks(town: Town) -> None:
    for name, other in (("one", "two"), ("self", "self")):
        refused = town.engine.ck("create", "--name", name, "--network", f"container:{other}", town.image, check=False)
        assert refused.code == 1 and f"No such container: {other}" in refused.err
    # Nor by a name that is another's now: who is meant is settled at the create.
    town.engine.ck("create", "--name", "one", town.image, "sleep", "1d")
    town.engine.ck("create", "--name", "two", "--network", "container:one", town.image, "sleep", "1d")
    town.engine.ck("rename", "one", "old")
    town.engine.ck("create", "--name", "one", "--network", "container:two", town.image, "sleep", "1d")
    for name, other in (("one", "two"), ("two", "old")):
        refused = town.engine.ck("start", name, check=False)
        assert refused.code == 1 and f"cannot join a namespace of container '{other}'" in refused.err


def test_nobody_answers_after_the_end(town: Town) -> None:
    town.serve("web", "-p", "8096:80")
    town.engine.ck("rm", "-f", "web")
    with pytest.raises(AssertionError, match="refused"):
        town.fetch("http://127.0.0.1:8096/")
