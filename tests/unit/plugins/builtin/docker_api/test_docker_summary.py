"""What `ps` shows, and which containers it shows."""

from datetime import timedelta
from typing import Any

import attrs
import pytest

from ck.kernel.api.container import (
    Container,
    ContainerConfig,
    ContainerState,
    EndpointRequest,
    HostConfig,
    MountPoint,
    PortBinding,
)
from ck.kernel.drivers.network import Endpoint
from ck.kernel.errors import InvalidArgument
from ck.kernel.lifecycle import State
from ck.plugins.builtin.docker_api._shapes.container_filters import Looked, container_test, shows_stopped
from ck.plugins.builtin.docker_api._shapes.summary import command_text, status_text, summary_json
from tests.support.records import AT, ID, container

NOW = AT + timedelta(minutes=3)


def state(status: State, **fields: Any) -> ContainerState:
    return ContainerState(status=status, **fields)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (state(State.CREATED), "Created"),
        (state(State.RUNNING, started_at=AT), "Up 3 minutes"),
        (state(State.PAUSED, started_at=AT), "Up 3 minutes (Paused)"),
        (state(State.EXITED, exit_code=137, finished_at=NOW - timedelta(seconds=5)), "Exited (137) 5 seconds ago"),
        (state(State.RESTARTING, exit_code=1, finished_at=NOW), "Restarting (1) Less than a second ago"),
        (state(State.REMOVING), "Removal In Progress"),
        (state(State.DEAD), "Dead"),
    ],
)
def test_status(now: ContainerState, text: str) -> None:
    assert status_text(now, NOW) == text


def test_command_quotes_words_with_spaces() -> None:
    assert command_text(container()) == "sh -c 'echo hi'"
    assert command_text(container(args=())) == "sh"


def test_summary() -> None:
    one = container(
        config=ContainerConfig(exposed_ports=("80/tcp", "53/udp"), labels={"a": "b"}),
        endpoints={"net": Endpoint(network_id="n1", ipv4_address="10.0.0.2", ipv4_prefix=24)},
        networks={"net": EndpointRequest(aliases=("db",))},
        mounts=(MountPoint(type="volume", destination="/d", source="/v/_data", name="v", driver="local"),),
    )
    json = summary_json(one, NOW, "busybox", (5, 9))
    assert json["Names"] == ["/web"] and json["Image"] == "busybox" and json["Created"] == int(AT.timestamp())
    assert json["State"] == "running" and json["Status"] == "Up 3 minutes"
    assert json["Ports"] == [{"PrivatePort": 80, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}]
    assert json["NetworkSettings"]["Networks"]["net"]["IPAddress"] == "10.0.0.2"
    assert json["NetworkSettings"]["Networks"]["net"]["Aliases"] == ["db"]
    assert json["Mounts"][0] == {
        "Type": "volume",
        "Name": "v",
        "Source": "/v/_data",
        "Destination": "/d",
        "Driver": "local",
        "Mode": "",
        "RW": True,
        "Propagation": "",
    }
    assert (json["SizeRw"], json["SizeRootFs"]) == (5, 9)
    assert json["HostConfig"] == {"NetworkMode": "none"}


def shown(filters: dict[str, list[str]], one: Container | None = None, **looked: Any) -> bool:
    return container_test(filters, Looked(**looked))(one or container())


MOUNTED = container(mounts=(MountPoint(type="volume", destination="/data", name="vol"),))
ENDED = container(state=state(State.EXITED, exit_code=3, started_at=AT, finished_at=AT))
PUBLISHED = container(
    host_config=HostConfig(port_bindings={"80/tcp": (PortBinding(host_port="8080"),)}, network_mode="web")
)


@pytest.mark.parametrize(
    ("filters", "one", "expected"),
    [
        ({}, container(), True),
        ({"label": ["tier"]}, container(), True),
        ({"label": ["tier=front"]}, container(), True),
        ({"label": ["tier=back"]}, container(), False),
        ({"label": ["tier", "other"]}, container(), False),
        ({"name": ["we"]}, container(), True),
        ({"name": ["^/web$"]}, container(), True),
        ({"name": ["^web$"]}, container(), True),
        ({"name": ["^eb"]}, container(), False),
        ({"name": ["x", "web"]}, container(), True),
        ({"name": ["["]}, container(), False),
        ({"id": [ID[:12]]}, container(), True),
        ({"id": ["ffff"]}, container(), False),
        ({"status": ["running"]}, container(), True),
        ({"status": ["exited", "dead"]}, container(), False),
        ({"exited": ["3"]}, ENDED, True),
        ({"exited": ["0"]}, ENDED, False),
        ({"exited": ["0"]}, container(), False),
        ({"exited": ["0"]}, container(state=state(State.CREATED)), False),
        ({"volume": ["vol"]}, MOUNTED, True),
        ({"volume": ["/data"]}, MOUNTED, True),
        ({"volume": ["/da"]}, MOUNTED, False),
        ({"network": ["none"]}, container(networks={"none": EndpointRequest()}), True),
        ({"network": ["host"]}, container(), False),
        ({"network": ["n12"]}, container(endpoints={"net": Endpoint(network_id="n123")}), True),
        ({"publish": ["8080"]}, PUBLISHED, True),
        ({"publish": ["8000-9000/tcp"]}, PUBLISHED, True),
        ({"publish": ["8080/udp"]}, PUBLISHED, False),
        ({"expose": ["80"]}, PUBLISHED, True),
        ({"health": ["none"]}, container(), True),
        ({"health": ["healthy"]}, container(), False),
        ({"is-task": ["true"]}, container(), False),
        ({"is-task": ["false"]}, container(), True),
        ({"isolation": ["hyperv"]}, container(), False),
    ],
)
def test_filters(filters: dict[str, list[str]], one: Container, expected: bool) -> None:
    assert shown(filters, one) is expected


def test_filters_that_name_other_things() -> None:
    assert shown({"ancestor": ["x"]}, ancestors={container().image_id})
    assert not shown({"ancestor": ["x"]}, ancestors=set())
    assert shown({"before": ["x"]}, before=AT + timedelta(seconds=1))
    assert not shown({"before": ["x"]}, before=AT)
    assert shown({"since": ["x"]}, since=AT - timedelta(seconds=1))
    assert not shown({"since": ["x"]}, since=AT)
    assert shows_stopped({"status": ["created"]}) and not shows_stopped({"exited": ["0"]})


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"colour": ["red"]}, "invalid filter 'colour'"),
        ({"status": ["sleeping"]}, "invalid filter 'status=sleeping'"),
        ({"exited": ["x"]}, "invalid filter 'exited=x'"),
        ({"health": ["ill"]}, "invalid filter 'health=ill'"),
        ({"is-task": ["perhaps"]}, "invalid filter 'is-task=perhaps'"),
        ({"publish": ["99999"]}, "invalid filter 'publish=99999'"),
        ({"expose": ["90-80"]}, "invalid filter 'expose=90-80'"),
    ],
)
def test_filters_that_are_none(filters: dict[str, list[str]], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        shown(filters)


def test_a_container_on_the_host_network_shows_no_ports() -> None:
    one = container(config=ContainerConfig(exposed_ports=("80/tcp",)), host_config=HostConfig(network_mode="host"))
    assert summary_json(one, NOW, "x")["Ports"] == []
    stopped = attrs.evolve(one, state=ContainerState(), host_config=HostConfig())
    assert summary_json(stopped, NOW, "x")["Ports"] == []
