"""Networks by the real docker client and by docker-py."""

import shutil
import subprocess

import docker
import pytest
from docker.types import IPAMConfig, IPAMPool

from tests.integration.networks.town import Town
from tests.support.machine import HOST4

DOCKER = shutil.which("docker")
IMAGE = "ck-busybox"


@pytest.fixture
def tagged(town: Town) -> str:
    town.engine.ck("pull", "-q", town.image)
    town.engine.ck("tag", town.image, IMAGE)
    return IMAGE


@pytest.mark.skipif(DOCKER is None, reason="the docker client is not installed")
def test_the_docker_client(town: Town, tagged: str) -> None:
    def run(*words: str) -> str:
        command = [str(DOCKER), *words]
        done = subprocess.run(
            command, env=town.engine.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()

    run("network", "create", "--subnet", "10.55.0.0/24", "--label", "x=y", "front")
    run("network", "create", "--internal", "back")
    page = "mkdir -p /www; echo web >/www/index.html; httpd -p 80 -h /www && echo ready; exec sleep 1000000"
    run(
        "run",
        "-d",
        "--init",
        "--name",
        "web",
        "--network",
        "front",
        "--ip",
        "10.55.0.9",
        "-p",
        "8500:80",
        tagged,
        "sh",
        "-c",
        page,
    )
    town.ready("web")
    run("network", "connect", "--alias", "shop", "back", "web")
    run("run", "-d", "--init", "--name", "peer", "--network", "back", tagged, "sleep", "1000000")
    assert run("exec", "peer", "wget", "-qO-", "http://shop/") == "web"
    assert town.fetch(f"http://{HOST4}:8500/", lan=True) == "web"
    assert "8500->80/tcp" in run("ps", "--format", "{{.Ports}}", "-f", "name=web")
    assert "80/tcp -> 0.0.0.0:8500" in run("port", "web")
    networks = run("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", "web")
    assert sorted(networks.split()) == ["back", "front"]
    assert "10.55.0.9/24" in run("network", "inspect", "front")
    run("network", "disconnect", "back", "web")
    run("rm", "-f", "web", "peer")
    assert set(run("network", "prune", "-f").split()) >= {"front", "back"}


def test_docker_py(town: Town, tagged: str) -> None:
    client = docker.DockerClient(base_url=f"unix://{town.engine.socket}", timeout=60)
    try:
        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet="10.56.0.0/24", gateway="10.56.0.254")])
        network = client.networks.create("py", driver="bridge", ipam=ipam, labels={"a": "b"})
        assert [each.name for each in client.networks.list(filters={"label": "a=b"})] == ["py"]
        web = client.containers.run(
            tagged, ["sleep", "1000000"], detach=True, name="web", init=True, network="py", ports={"80/tcp": 8501}
        )
        web.reload()
        assert web.attrs["NetworkSettings"]["Ports"]["80/tcp"][0] == {"HostIp": "0.0.0.0", "HostPort": "8501"}
        other = client.containers.create(tagged, ["sleep", "1000000"], name="other")
        network.connect(other, aliases=["friend"], ipv4_address="10.56.0.77")
        other.start()
        assert other.exec_run(["ip", "-4", "addr"]).output.count(b"10.56.0.77/24") == 1
        assert b"10.56.0.77" in web.exec_run(["nslookup", "-type=a", "friend"]).output
        network.reload()
        assert {each.name for each in network.containers} == {"web", "other"}
        network.disconnect(other)
        with pytest.raises(docker.errors.APIError) as caught:
            network.remove()
        assert caught.value.response.status_code == 409 and "web" in str(caught.value)
        web.remove(force=True)
        network.remove()
    finally:
        client.close()
