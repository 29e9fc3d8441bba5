"""Bodies of requests to specs, and records to API JSON."""

import json
from datetime import timedelta
from typing import Any

import pytest

from ck.kernel.api.container import (
    ContainerConfig,
    EndpointRequest,
    ExecSession,
    ExecSpec,
    HostConfig,
    MountRequest,
    PathStat,
    Ulimit,
)
from ck.kernel.api.image import HistoryEntry, Image, ImageRemoval, Progress
from ck.kernel.api.network import Network
from ck.kernel.api.volume import Volume
from ck.kernel.drivers.network import Endpoint, NetworkConfig
from ck.kernel.errors import InvalidArgument
from ck.kernel.events import Event, Noun, Recorded
from ck.plugins.builtin.docker_api._shapes.container import container_json, container_spec
from ck.plugins.builtin.docker_api._shapes.event import event_json, event_test
from ck.plugins.builtin.docker_api._shapes.exec import exec_json, exec_spec
from ck.plugins.builtin.docker_api._shapes.image import (
    history_json,
    image_json,
    image_summary_json,
    image_test,
    names_by_reference,
    progress_json,
    removals_json,
)
from ck.plugins.builtin.docker_api._shapes.network import network_json, network_test
from ck.plugins.builtin.docker_api._shapes.path_stat import go_mode, path_stat_json
from ck.plugins.builtin.docker_api._shapes.volume import volume_json, volume_test
from tests.support.records import AT, ID, container

# What the docker client 28 sends for `docker run -d --name x busybox true`.
DOCKER_RUN: dict[str, Any] = {
    **{"Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False},
    **{"AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": ["true"]},
    **{"Image": "busybox", "Volumes": {}, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": {}},
    "HostConfig": {
        **{"Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "default"},
        **{"PortBindings": {}, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": False},
        **{"VolumeDriver": "", "VolumesFrom": None, "ConsoleSize": [24, 80], "CapAdd": None, "CapDrop": None},
        **{"CgroupnsMode": "", "Dns": [], "DnsOptions": [], "DnsSearch": [], "ExtraHosts": None, "GroupAdd": None},
        **{"IpcMode": "", "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "", "Privileged": False},
        **{"PublishAllPorts": False, "ReadonlyRootfs": False, "SecurityOpt": None, "UTSMode": "", "UsernsMode": ""},
        **{"ShmSize": 0, "Isolation": "", "CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": ""},
        **{"BlkioWeight": 0, "BlkioWeightDevice": [], "BlkioDeviceReadBps": [], "BlkioDeviceWriteBps": []},
        **{"BlkioDeviceReadIOps": [], "BlkioDeviceWriteIOps": [], "CpuPeriod": 0, "CpuQuota": 0},
        **{"CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "CpusetCpus": "", "CpusetMems": "", "Devices": []},
        **{"DeviceCgroupRules": None, "DeviceRequests": None, "MemoryReservation": 0, "MemorySwap": 0},
        **{"MemorySwappiness": -1, "OomKillDisable": False, "PidsLimit": 0, "Ulimits": [], "CpuCount": 0},
        **{"CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0, "MaskedPaths": None, "ReadonlyPaths": None},
    },
    "NetworkingConfig": {
        "EndpointsConfig": {
            "default": {
                **{"IPAMConfig": None, "Links": None, "Aliases": None, "DriverOpts": None, "GwPriority": 0},
                **{"NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "", "MacAddress": ""},
                **{"IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0},
                "DNSNames": None,
            }
        }
    },
}


def test_a_plain_docker_run_asks_for_nothing_special() -> None:
    spec = container_spec(DOCKER_RUN)
    assert spec.config == ContainerConfig(image="busybox", cmd=("true",))
    assert (
        spec.host_config == HostConfig(console_size=(24, 80), restart_policy=spec.host_config.restart_policy)
        and spec.host_config.restart_policy.name == "no"
    )
    assert spec.networks == {}


@pytest.mark.parametrize(
    ("host", "attribute", "value"),
    [
        ({"NetworkMode": "host"}, "network_mode", "host"),
        ({"Init": True}, "init", True),
        ({"MaskedPaths": []}, "masked_paths", ()),
        ({"Tmpfs": {"/t": "size=1k"}}, "tmpfs", {"/t": "size=1k"}),
        ({"Ulimits": [{"Name": "core", "Hard": -1}]}, "ulimits", (Ulimit(name="core", soft=0, hard=-1),)),
        (
            {"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["noexec"], ["uid", "5"]]}}]},
            "mounts",
            (MountRequest(type="tmpfs", target="/t", tmpfs_options=("noexec", "uid=5")),),
        ),
        (
            {
                "Mounts": [
                    {
                        "Target": "/v",
                        "Source": "vol",
                        "VolumeOptions": {"NoCopy": True, "DriverConfig": {"Name": "local", "Options": {"o": "x"}}},
                    }
                ]
            },
            "mounts",
            (
                MountRequest(
                    type="volume",
                    target="/v",
                    source="vol",
                    no_copy=True,
                    volume_driver="local",
                    volume_options={"o": "x"},
                ),
            ),
        ),
        ({"readonlyrootfs": True}, "readonly_rootfs", True),
    ],
)
def test_host_config(host: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(container_spec({"HostConfig": host}).host_config, attribute) == value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Image": 5}, "Image must be a string, not 5"),
        ({"Cmd": [1]}, "Cmd must be a string"),
        ({"Env": "A=1"}, "Env must be a list of strings"),
        ({"Tty": 1}, "Tty must be true or false"),
        ({"Labels": {"a": 1}}, "Labels.a must be a string"),
        ({"Hostname": "a\0b"}, "NUL"),
        ({"NetworkDisabled": True}, "NetworkDisabled is not supported by this engine: True"),
        ({"HostConfig": []}, None),
        ({"HostConfig": 5}, "HostConfig must be an object"),
        ({"HostConfig": {"Memory": 1.5}}, "HostConfig.Memory must be a whole number"),
        ({"HostConfig": {"Memory": 1 << 70}}, "HostConfig.Memory is out of range"),
        ({"HostConfig": {"Memory": True}}, "HostConfig.Memory must be a whole number"),
        ({"HostConfig": {"CpuRealtimePeriod": 5}}, "HostConfig.CpuRealtimePeriod is not supported"),
        ({"HostConfig": {"BlkioWeightDevice": [{"Path": "/x"}]}}, "HostConfig.BlkioWeightDevice is not supported"),
        ({"HostConfig": {"Cgroup": "x"}}, "HostConfig.Cgroup is not supported"),
        ({"HostConfig": {"Isolation": "hyperv"}}, "HostConfig.Isolation 'hyperv' is not supported on Linux"),
        ({"HostConfig": {"ConsoleSize": [1]}}, "HostConfig.ConsoleSize must be two whole numbers"),
        (
            {"HostConfig": {"Mounts": [{"Type": "npipe", "Target": "/x"}]}},
            "Mounts\\[0\\].Type 'npipe' is not supported",
        ),
        ({"HostConfig": {"Mounts": [{"Type": "bind"}]}}, "Mounts\\[0\\].Target must not be empty"),
        (
            {"HostConfig": {"Mounts": [{"Type": "bind", "Target": "/x", "BindOptions": {"Sideways": True}}]}},
            "Mounts\\[0\\].BindOptions.Sideways is not supported",
        ),
        (
            {"HostConfig": {"Mounts": [{"Type": "bind", "Target": "/x", "TmpfsOptions": {"Mode": 5}}]}},
            "TmpfsOptions is not supported",
        ),
        ({"HostConfig": {"Devices": [{"PathInContainer": "/x"}]}}, "Devices\\[0\\].PathOnHost must not be empty"),
        (
            {"NetworkingConfig": {"EndpointsConfig": {"n": {"Colour": "red"}}}},
            "EndpointsConfig.n.Colour is not supported",
        ),
        (
            {"NetworkingConfig": {"EndpointsConfig": {"n": {"IPAMConfig": {"LinkLocalIPs": ["fe80::1"]}}}}},
            "n.IPAMConfig.LinkLocalIPs is not supported",
        ),
    ],
)
def test_what_is_malformed_or_not_there_is_refused_by_name(body: dict[str, Any], words: str | None) -> None:
    if words is None:
        assert container_spec(body).host_config == HostConfig()
        return
    with pytest.raises(InvalidArgument, match=words):
        container_spec(body)


def test_networks_and_the_old_mac_address() -> None:
    ask = {
        "EndpointsConfig": {"n": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}, "NetworkID": "x" * 64}}
    }
    assert container_spec({"NetworkingConfig": ask}).networks == {
        "n": EndpointRequest(aliases=("a",), ipv4_address="10.0.0.9")
    }
    assert container_spec({"MacAddress": "02:42:00:00:00:01", "HostConfig": {"NetworkMode": "n"}}).networks == {
        "n": EndpointRequest(mac_address="02:42:00:00:00:01")
    }


def test_inspect() -> None:
    one = container(endpoints={"net": Endpoint(network_id="n", ipv4_address="10.0.0.2", ipv4_gateway="10.0.0.1")})
    shown = container_json(one, ("e1",), (1, 2))
    assert shown["Name"] == "/web" and shown["Created"] == "2026-01-02T03:04:05.6789Z" and shown["Id"] == ID
    assert shown["State"]["StartedAt"] == "2026-01-02T03:04:05.6789Z"
    assert shown["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert shown["State"]["Running"] is True and shown["State"]["Status"] == "running"
    assert shown["Config"]["Image"] == "busybox" and shown["ExecIDs"] == ["e1"]
    assert shown["HostConfig"]["NetworkMode"] == "none" and shown["HostConfig"]["CapAdd"] is None
    assert shown["NetworkSettings"]["IPAddress"] == "10.0.0.2"
    assert shown["NetworkSettings"]["Networks"]["net"]["Gateway"] == "10.0.0.1"
    assert (shown["SizeRw"], shown["SizeRootFs"]) == (1, 2)
    json.dumps(shown)


def test_what_inspect_shows_can_be_asked_for_again() -> None:
    shown = container_json(container())
    again = container_spec({**shown["Config"], "HostConfig": shown["HostConfig"]})
    assert again.config == container().config and again.host_config == container().host_config


def test_exec() -> None:
    spec = exec_spec({"Cmd": ["sh", "-c", "x"], "AttachStdout": True, "Tty": True, "Detach": True, "ConsoleSize": None})
    assert spec == ExecSpec(cmd=("sh", "-c", "x"), attach_stdout=True, tty=True)
    shown = exec_json(ExecSession(id="e", container_id=ID, spec=spec, exit_code=3))
    assert shown["ProcessConfig"]["entrypoint"] == "sh" and shown["ProcessConfig"]["arguments"] == ["-c", "x"]
    assert shown["ExitCode"] == 3 and shown["Running"] is False
    with pytest.raises(InvalidArgument, match="No exec command specified"):
        exec_spec({"Cmd": []})


NOW = AT + timedelta(days=2)


def image(**changes: Any) -> Image:
    fields: dict[str, Any] = {
        "id": "sha256:" + "1" * 64,
        "tags": ("docker.io/library/ubuntu:20.04",),
        "digests": ("docker.io/library/ubuntu@sha256:" + "2" * 64,),
        "created": AT,
        "config": ContainerConfig(labels={"a": "b"}, cmd=("sh",)),
        "size": 9,
    }
    return Image(**(fields | changes))


def familiar(normalized: str) -> str:
    return normalized.removeprefix("docker.io/").removeprefix("library/")


def test_image_shapes() -> None:
    line = image_summary_json(image(), familiar)
    assert line["RepoTags"] == ["ubuntu:20.04"] and line["RepoDigests"][0].startswith("ubuntu@sha256:2")
    assert line["SharedSize"] == -1 and line["Created"] == int(AT.timestamp()) and line["Labels"] == {"a": "b"}
    whole = image_json(image(created=None, diff_ids=("sha256:d",)), familiar)
    assert whole["Created"] == "0001-01-01T00:00:00Z" and whole["RootFS"] == {"Type": "layers", "Layers": ["sha256:d"]}
    assert whole["Config"]["Cmd"] == ["sh"]
    assert history_json(HistoryEntry(created_by="RUN x", size=3), familiar)["Id"] == "<missing>"
    assert removals_json(
        [ImageRemoval(untagged="docker.io/library/a:1"), ImageRemoval(deleted="sha256:1")], familiar
    ) == [
        {"Untagged": "a:1"},
        {"Deleted": "sha256:1"},
    ]
    assert progress_json(Progress(status="Pulling fs layer", id="aa")) == {
        "status": "Pulling fs layer",
        "progressDetail": {},
        "id": "aa",
    }
    assert progress_json(Progress(status="Digest: sha256:1")) == {"status": "Digest: sha256:1"}
    assert names_by_reference([image(tags=("docker.io/library/a:latest",))], familiar).keys() == {
        "docker.io/library/a:latest",
        "a:latest",
        "a",
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"reference": ["ubuntu"]}, True),
        ({"reference": ["ubuntu:20*"]}, True),
        ({"reference": ["ub*"]}, True),
        ({"reference": ["*/ubuntu"]}, False),
        ({"reference": ["debian", "ubuntu:20.04"]}, True),
        ({"dangling": ["true"]}, False),
        ({"dangling": ["0"]}, True),
        ({"label": ["a=b"]}, True),
        ({"label": ["a=c"]}, False),
        ({"until": ["2027-01-01"]}, True),
        ({"until": ["2025-01-01"]}, False),
        ({"until": ["24h"]}, True),
        ({"until": ["72h"]}, False),
        ({"until": ["72h", "24h"]}, False),
    ],
)
def test_image_filters(filters: dict[str, list[str]], expected: bool) -> None:
    assert image_test(filters, familiar, NOW)(image()) is expected


def test_image_filters_by_other_images() -> None:
    later, earlier = AT + timedelta(days=1), AT - timedelta(days=1)
    assert image_test({}, familiar, NOW, before=later)(image()) and not image_test({}, familiar, NOW, before=earlier)(
        image()
    )
    assert image_test({}, familiar, NOW, since=earlier)(image()) and not image_test({}, familiar, NOW, since=later)(
        image()
    )
    for filters in ({"colour": ["x"]}, {"dangling": ["x"]}, {"dangling": ["true", "false"]}, {"until": ["1x"]}):
        with pytest.raises(InvalidArgument, match="invalid filter"):
            image_test(filters, familiar, NOW)


def test_volumes() -> None:
    one = Volume(name="v", driver="local", mountpoint="/v", created=AT, anonymous=True, used_by=("c",))
    assert volume_json(one)["Labels"] == {"com.docker.volume.anonymous": ""}
    assert volume_json(one, size=5)["UsageData"] == {"Size": 5, "RefCount": 1}
    for filters, expected in (
        ({}, True),
        ({"dangling": ["true"]}, False),
        ({"driver": ["local"]}, True),
        ({"name": ["x"]}, False),
        ({"label": ["a"]}, False),
    ):
        assert volume_test(filters)(one) is expected


def test_networks() -> None:
    one = Network(config=NetworkConfig(id="n" * 64, name="host", driver="host"), created=AT, containers={ID: "web"})
    assert network_json(one)["Containers"] == {}
    end = Endpoint(network_id="n", ipv4_address="10.0.0.2", ipv4_prefix=24)
    assert network_json(one, {ID: end})["Containers"][ID]["IPv4Address"] == "10.0.0.2/24"
    for filters, expected in (
        ({}, True),
        ({"type": ["custom"]}, False),
        ({"type": ["builtin"]}, True),
        ({"scope": ["swarm"]}, False),
        ({"driver": ["host"]}, True),
        ({"id": ["nnn"]}, True),
        ({"dangling": ["true"]}, False),
    ):
        assert network_test(filters)(one) is expected


def test_events() -> None:
    event = Event(
        noun=Noun.CONTAINER,
        action="exec_start: sh",
        subject=ID,
        at=AT,
        attributes={"name": "web", "image": "ubuntu:20.04", "tier": "front"},
        cause="user",
        uid=5,
    )
    shown = event_json(Recorded(cursor=7, event=event))
    assert shown["timeNano"] == 1767323045678900000 and shown["time"] == 1767323045
    assert shown["status"] == "exec_start: sh" and shown["from"] == "ubuntu:20.04" and shown["id"] == ID
    assert shown["ck"] == {"cursor": 7, "cause": "user", "uid": 5, "pid": 0, "program": ""}
    for filters, expected in (
        ({}, True),
        ({"event": ["exec_start"]}, True),
        ({"event": ["start"]}, False),
        ({"type": ["container"]}, True),
        ({"type": ["image"]}, False),
        ({"container": ["web"]}, True),
        ({"container": [ID[:5]]}, True),
        ({"container": ["we"]}, False),
        ({"image": ["ubuntu"]}, True),
        ({"image": ["debian"]}, False),
        ({"label": ["tier=front"]}, True),
        ({"volume": ["v"]}, False),
        ({"scope": ["swarm"]}, False),
        ({"container": ["web"], "event": ["die"]}, False),
    ):
        assert event_test(filters)(event) is expected, filters


@pytest.mark.parametrize(
    ("mode", "go"),
    [
        (0o100644, 0o644),
        (0o040755, 1 << 31 | 0o755),
        (0o120777, 1 << 27 | 0o777),
        (0o020620, 1 << 26 | 1 << 21 | 0o620),
        (0o060660, 1 << 26 | 0o660),
        (0o010600, 1 << 25 | 0o600),
        (0o140755, 1 << 24 | 0o755),
        (0o104755, 1 << 23 | 0o755),
        (0o102755, 1 << 22 | 0o755),
        (0o041777, 1 << 31 | 1 << 20 | 0o777),
    ],
)
def test_go_mode(mode: int, go: int) -> None:
    assert go_mode(mode) == go


def test_path_stat() -> None:
    shown = path_stat_json(PathStat(name="a", size=1, mode=0o120777, modified=AT, link_target="b"))
    assert shown == {
        "name": "a",
        "size": 1,
        "mode": 1 << 27 | 0o777,
        "mtime": "2026-01-02T03:04:05.6789Z",
        "linkTarget": "b",
    }
