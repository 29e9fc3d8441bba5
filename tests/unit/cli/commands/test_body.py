"""From the command line of `run` to the API's JSON."""

from pathlib import Path
from typing import Any

import pytest

from ck.cli.commands.container._body import create_body
from ck.cli.commands.container.run import COMMAND
from ck.cli.errors import UsageError
from ck.cli.flags import parse


def body(*argv: str) -> dict[str, Any]:
    return create_body(parse(argv, COMMAND.flags, interspersed=False))


def test_nothing_is_asked_for_that_no_flag_asks_for() -> None:
    assert body("image", "ls", "-l") == {
        "Image": "image",
        "Cmd": ["ls", "-l"],
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "HostConfig": {},
    }


def test_streams() -> None:
    shell = body("-it", "image")
    assert shell["AttachStdin"] and shell["OpenStdin"] and shell["StdinOnce"] and shell["Tty"]
    quiet = body("-a", "STDERR", "image")
    assert not quiet["AttachStdout"] and quiet["AttachStderr"]
    with pytest.raises(UsageError, match="valid streams"):
        body("-a", "stdx", "image")


def test_program() -> None:
    made = body("--entrypoint", "sh", "-w", "/x", "-u", "1:2", "-h", "box", "--stop-timeout", "0", "image")
    assert made["Entrypoint"] == ["sh"] and "Cmd" not in made
    assert (made["WorkingDir"], made["User"], made["Hostname"], made["StopTimeout"]) == ("/x", "1:2", "box", 0)
    assert body("--entrypoint", "", "image")["Entrypoint"] == [""]


def test_environment_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "1")
    file = tmp_path / "env"
    file.write_text("A=file\nSET\n")
    labels = tmp_path / "labels"
    labels.write_text("a=file\nb\n")
    made = body(
        *("-e", "A=flag", "-e", "SET", "--env-file", str(file), "--label-file", str(labels), "-l", "a=flag", "image")
    )
    assert made["Env"] == ["A=file", "SET=1", "A=flag", "SET=1"]
    assert made["Labels"] == {"a": "flag", "b": ""}
    with pytest.raises(UsageError, match=r'"--env-file" flag: No such file or directory'):
        body("--env-file", str(tmp_path / "none"), "image")


def test_resources() -> None:
    host = body("-m", "64m", "--memory-swap", "-1", "--cpus", "1.5", "--pids-limit", "-1", "--shm-size=1g", "i")[
        "HostConfig"
    ]
    assert host == {
        "Memory": 64 << 20,
        "MemorySwap": -1,
        "NanoCpus": 1_500_000_000,
        "PidsLimit": -1,
        "ShmSize": 1 << 30,
    }


def test_host_options() -> None:
    host = body(
        *("--privileged", "--rm", "--init=false", "--read-only", "--cap-add", "NET_ADMIN", "--cap-drop", "ALL"),
        *("--pid", "host", "--ipc", "none", "--dns", "1.1.1.1", "--add-host", "a:1.2.3.4", "--sysctl", "a=b"),
        *(
            "--device",
            "/dev/null",
            "--ulimit",
            "nofile=1",
            "--log-driver",
            "none",
            "--log-opt",
            "a=b",
            "--tmpfs",
            "/t:ro",
        ),
        *("--security-opt", "systempaths=unconfined", "--security-opt", "no-new-privileges", "image"),
    )["HostConfig"]
    assert host["Privileged"] and host["AutoRemove"] and host["ReadonlyRootfs"] and host["Init"] is False
    assert (host["CapAdd"], host["CapDrop"]) == (["NET_ADMIN"], ["ALL"])
    assert (host["PidMode"], host["IpcMode"], host["Dns"]) == ("host", "none", ["1.1.1.1"])
    assert host["ExtraHosts"] == ["a:1.2.3.4"] and host["Sysctls"] == {"a": "b"}
    assert host["LogConfig"] == {"Type": "none", "Config": {"a": "b"}}
    assert host["Tmpfs"] == {"/t": "ro"}
    assert host["MaskedPaths"] == [] and host["ReadonlyPaths"] == []
    assert host["SecurityOpt"] == ["no-new-privileges"]


def test_volumes_and_ports() -> None:
    made = body(
        "-v", "/a:/b:ro", "-v", "/anon", "--mount", "type=tmpfs,target=/t", "-p", "80:80", "--expose", "53/udp", "i"
    )
    assert made["Volumes"] == {"/anon": {}}
    assert made["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert made["HostConfig"] == {
        "Binds": ["/a:/b:ro"],
        "Mounts": [{"Type": "tmpfs", "Target": "/t"}],
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}]},
    }


def test_networks() -> None:
    assert body("--network", "host", "i")["HostConfig"] == {"NetworkMode": "host"}
    assert body("--net", "none", "i")["HostConfig"] == {"NetworkMode": "none"}
    made = body("--network", "n", "--network-alias", "a", "--ip", "10.0.0.2", "--network", "m", "i")
    assert made["HostConfig"]["NetworkMode"] == "n"
    assert made["NetworkingConfig"]["EndpointsConfig"] == {
        "n": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}},
        "m": {},
    }


def test_healthchecks() -> None:
    made = body("--health-cmd", "true", "--health-interval", "1.5s", "--health-retries", "3", "i")
    assert made["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 1_500_000_000, "Retries": 3}
    assert body("--no-healthcheck", "i")["Healthcheck"] == {"Test": ["NONE"]}
    for argv in (["--no-healthcheck", "--health-cmd", "x"], ["--health-retries", "-1"], ["--health-timeout", "-1s"]):
        with pytest.raises(UsageError):
            body(*argv, "i")
