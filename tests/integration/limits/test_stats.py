"""`ck stats` and the API's statistics."""

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress

import docker
import pytest

from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter, cpu_of
from tests.support.census import settled


def rows(lab: Lab, *arguments: str) -> dict[str, dict[str, str]]:
    shown = lab.ck("stats", "--no-stream", "--format", "json", *arguments)
    return {row["Name"]: row for row in map(json.loads, shown.splitlines())}


def test_a_look_at_those_that_run(lab: Lab) -> None:
    busy = lab.up("-m 64m --pids-limit 9", "sh", "-c", "while :; do :; done")
    idle, made = lab.up(), lab.make()
    found = rows(lab)
    assert busy in found and idle in found and made not in found
    assert re.fullmatch(r"[\d.]+[KM]iB / 64MiB", found[busy]["MemUsage"])
    assert found[busy]["PIDs"] == found[idle]["PIDs"] == "1"
    assert settled(lambda: float(rows(lab, busy)[busy]["CPUPerc"].rstrip("%")) > 20, True)
    assert rows(lab, "-a")[made]["CPUPerc"] == "--"
    assert lab.ck("stats", "--no-stream", idle).splitlines()[0].split()[:3] == ["CONTAINER", "ID", "NAME"]
    assert "No such container: nobody" in lab.fails("stats", "--no-stream", "nobody")
    assert "No such container: nobody" in lab.fails("stats", "nobody")


def test_a_stream_goes_on_and_follows_starts_and_ends(lab: Lab) -> None:
    first = lab.up()
    with lab.popen("stats", "--format", "{{.Name}} {{.PIDs}}") as client:
        assert client.stdout is not None

        def wait_for(wanted: str) -> None:
            assert client.stdout is not None
            while client.stdout.readline().decode().strip() != wanted:
                continue

        wait_for(f"{first} 1")
        second = lab.up()
        wait_for(f"{second} 1")
        lab.ck("rm", "-f", first)
        wait_for(f"{second} 1")
        assert first.encode() not in client.stdout.readline() + client.stdout.readline()
        client.kill()


def test_many_streams_share_one_sampler(lab: Lab) -> None:
    """The same look reaches all: their samples are of the same moments."""
    name = lab.up()
    clients = [docker.APIClient(base_url=f"unix://{lab.daemon.socket}") for _ in range(3)]
    try:
        streams = [client.stats(name, stream=True, decode=True) for client in clients]
        for stream in streams:
            next(stream)  # each has a first look of its own
        seen = [{next(stream)["read"] for _ in range(3)} for stream in streams]
        assert len(set.union(*seen)) <= 4
    finally:
        for client in clients:
            client.close()


def test_nobody_watches_nothing_is_open(lab: Lab) -> None:
    name = lab.up()

    def files() -> int:
        count = 0
        for fd in os.listdir(f"/proc/{lab.daemon.pid}/fd"):
            with suppress(FileNotFoundError):  # closed since
                count += "/memory." in os.readlink(f"/proc/{lab.daemon.pid}/fd/{fd}")
        return count

    with lab.popen("stats", name) as client:
        assert settled(lambda: files() > 0, True)
        client.kill()
    assert settled(files, 0) == 0


def test_docker_py_sees_docker_s_shape(lab: Lab, meter: Meter) -> None:
    name = lab.up("-m 64m")
    stats = meter.look(name)
    assert stats["name"] == f"/{name}" and len(stats["id"]) == 64
    assert stats["memory_stats"]["limit"] == 64 << 20 and stats["memory_stats"]["stats"]
    assert stats["cpu_stats"]["online_cpus"] == os.cpu_count()
    assert stats["cpu_stats"]["system_cpu_usage"] > stats["precpu_stats"]["system_cpu_usage"]
    assert stats["precpu_stats"]["cpu_usage"]["total_usage"] == 0  # its start
    assert cpu_of(meter.look(name)) >= cpu_of(stats) > 0
    stopped = lab.make()
    nothing = meter.look(stopped)
    assert nothing["memory_stats"] == {}
    assert (nothing["name"], nothing["id"]) == (f"/{stopped}", lab.inspect(stopped, "{{.Id}}"))


@pytest.mark.skipif(shutil.which("docker") is None, reason="Docker's command is not installed")
def test_the_docker_command(lab: Lab) -> None:
    name = lab.up("-m 64m")
    command = ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", name]
    shown = subprocess.run(command, env=lab.daemon.environment, capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(rf"{name} [\d.]+[KM]iB / 64MiB 1\n", shown)


@pytest.mark.parametrize("stream", [True, False])
def test_who_is_not_there(lab: Lab, stream: bool) -> None:
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        with pytest.raises(docker.errors.NotFound, match="No such container: nobody"):
            next(iter(client.stats("nobody", stream=stream, decode=stream or None)))
    finally:
        client.close()


def test_top(lab: Lab) -> None:
    name = lab.up("", "sh", "-c", "sleep 1001 & sleep 1002 & wait")

    def sleepers() -> list[str]:
        shown = lab.ck("top", name, "-o", "pid,args").splitlines()
        return sorted(line.split(maxsplit=1)[1] for line in shown if line.endswith(("1001", "1002")))

    assert settled(sleepers, ["sleep 1001", "sleep 1002"]) == ["sleep 1001", "sleep 1002"]
    assert lab.ck("top", name, "-o", "pid,args").splitlines()[0].split() == ["PID", "COMMAND"]
    assert "ps" in lab.fails("top", name, "--no-such-option")
