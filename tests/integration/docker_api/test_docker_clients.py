"""The real docker client and docker-py against a real engine."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pexpect
import pytest

from tests.support.daemon import Daemon

pytestmark = pytest.mark.root

SECONDS = 30
DOCKER = shutil.which("docker")
IMAGE = "ck-busybox"
needs_docker = pytest.mark.skipif(DOCKER is None, reason="the docker client is not installed")


@pytest.fixture(scope="module")
def daemon(busybox_image: str) -> Iterator[Daemon]:
    """Not the engine that other tests share: these remove every container they find."""
    with Daemon() as running:
        running.ck("pull", busybox_image)
        running.ck("tag", busybox_image, IMAGE)
        yield running


@pytest.fixture
def api(daemon: Daemon) -> Iterator[Any]:
    client = docker.DockerClient(base_url=f"unix://{daemon.socket}", timeout=SECONDS)
    yield client
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.close()


def run_docker(daemon: Daemon, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run the client to its end: exit code, stdout, stderr. It ignores SIGTERM while attached, hence the kill."""
    done = subprocess.run(
        [str(DOCKER), *words], input=stdin, env=daemon.environment, capture_output=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def succeed(daemon: Daemon, *words: str, stdin: bytes = b"") -> str:
    code, out, err = run_docker(daemon, *words, stdin=stdin)
    assert code == 0, f"docker {' '.join(words)}: {code}\n{out}{err}\n{daemon.log_tail()}"
    return out


@needs_docker
def test_version_and_info(daemon: Daemon) -> None:
    assert succeed(daemon, "version", "--format", "{{.Server.APIVersion}}").strip() == "1.51"
    info = json.loads(succeed(daemon, "info", "--format", "{{json .}}"))
    assert info["ServerVersion"] == "0.1.0" and not info.get("ServerErrors") and info["Driver"]


@needs_docker
def test_run_gives_output_and_exit_code(daemon: Daemon) -> None:
    code, out, err = run_docker(
        daemon, "run", "--rm", "--network", "none", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3"
    )
    assert (code, out, err) == (3, "out\n", "err\n")
    script = "read x; echo got $x; cat"
    piped = succeed(daemon, "run", "-i", "--rm", "--network", "none", IMAGE, "sh", "-c", script, stdin=b"one\ntwo\n")
    assert piped == "got one\ntwo\n"


@needs_docker
def test_run_of_what_cannot_run(daemon: Daemon, api: Any) -> None:
    for program, code, words in (("nosuch", 127, "not found in $PATH"), ("/etc", 126, "/etc")):
        got, _, err = run_docker(daemon, "run", "--name", "ck-bad", "--network", "none", IMAGE, program)
        assert got == code and words in err
        api.containers.get("ck-bad").remove()


@needs_docker
def test_run_on_a_terminal(daemon: Daemon) -> None:
    words = ["run", "-it", "--rm", "--network", "none", IMAGE, "sh", "-c", "stty size; read x; echo got $x; exit 4"]
    terminal = pexpect.spawn(
        str(DOCKER), words, env=daemon.environment, timeout=SECONDS, dimensions=(33, 99), encoding="utf-8"
    )
    try:
        terminal.expect("33 99")
        terminal.sendline("typed")
        terminal.expect("got typed")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 4
    finally:
        terminal.close(force=True)


@needs_docker
def test_exec_logs_cp_ps_inspect(daemon: Daemon, api: Any, tmp_path: Path) -> None:
    script = "echo one; echo two >&2; exec sleep 1000"
    succeed(daemon, "run", "-d", "--name", "ck-web", "--label", "a=b", "--network", "none", IMAGE, "sh", "-c", script)
    code, out, _ = run_docker(daemon, "exec", "-e", "X=y", "ck-web", "sh", "-c", "echo $X; exit 5")
    assert (code, out) == (5, "y\n")
    assert succeed(daemon, "exec", "-i", "ck-web", "cat", stdin=b"stdin\n") == "stdin\n"
    code, out, err = run_docker(daemon, "exec", "ck-web", "nosuch")
    assert code == 127 and "nosuch" in out + err

    assert run_docker(daemon, "logs", "ck-web") == (0, "one\n", "two\n")
    assert succeed(daemon, "logs", "-t", "--tail", "2", "ck-web").endswith("Z one\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("content")
    (tmp_path / "dir" / "link").symlink_to("file")
    succeed(daemon, "cp", str(tmp_path / "dir"), "ck-web:/tmp")
    assert succeed(daemon, "exec", "ck-web", "cat", "/tmp/dir/link") == "content"
    succeed(daemon, "cp", "ck-web:/tmp/dir", str(tmp_path / "back"))
    assert (tmp_path / "back" / "link").readlink() == Path("file")
    assert (tmp_path / "back" / "file").read_text() == "content"

    assert succeed(daemon, "ps", "--filter", "label=a=b", "--format", "{{.Names}} {{.State}}") == "ck-web running\n"
    assert succeed(daemon, "ps", "-q", "--filter", "name=other") == ""
    code, _, err = run_docker(daemon, "ps", "--filter", "colour=red")
    assert code == 1 and "invalid filter 'colour'" in err
    assert succeed(daemon, "inspect", "-f", "{{.Name}} {{.State.Running}} {{.Config.Image}}", "ck-web") == (
        f"/ck-web true {IMAGE}\n"
    )
    assert "sleep 1000" in succeed(daemon, "top", "ck-web")
    assert "/tmp/dir" in succeed(daemon, "diff", "ck-web")
    succeed(daemon, "stop", "-t", "0", "ck-web")
    assert succeed(daemon, "ps", "-a", "--format", "{{.Status}}", "--filter", "exited=137").startswith("Exited (137)")


@needs_docker
def test_logs_follow_ends_with_the_container(daemon: Daemon, api: Any) -> None:
    container = api.containers.run(IMAGE, ["cat"], detach=True, stdin_open=True, network_mode="none", name="ck-cat")
    with subprocess.Popen(
        [str(DOCKER), "logs", "-f", "ck-cat"], env=daemon.environment, stdout=subprocess.PIPE
    ) as follower:
        try:
            assert follower.stdout is not None
            socket = container.attach_socket(params={"stdin": 1, "stream": 1})
            socket._sock.sendall(b"line one\n")
            assert follower.stdout.readline() == b"line one\n"
            container.kill()
            socket.close()
            assert follower.wait(SECONDS) == 0
        finally:
            follower.kill()


@needs_docker
def test_volumes_networks_images(daemon: Daemon) -> None:
    assert succeed(daemon, "volume", "create", "--label", "x=y", "ck-vol").strip() == "ck-vol"
    words = [
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "ck-vol:/data",
        IMAGE,
        "sh",
        "-c",
        "echo kept >> /data/f; cat /data/f",
    ]
    assert succeed(daemon, *words) == "kept\n" and succeed(daemon, *words) == "kept\nkept\n"
    assert succeed(daemon, "volume", "ls", "-q", "--filter", "label=x=y") == "ck-vol\n"
    succeed(daemon, "volume", "rm", "ck-vol")
    assert "host" in succeed(daemon, "network", "ls", "--format", "{{.Name}}").split()
    assert json.loads(succeed(daemon, "network", "inspect", "none"))[0]["Driver"] == "none"
    assert f"{IMAGE}:latest" in succeed(daemon, "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert succeed(daemon, "history", "-q", IMAGE)
    assert json.loads(succeed(daemon, "image", "inspect", IMAGE))[0]["Config"]["Cmd"] == ["sh"]
    assert "Images" in succeed(daemon, "system", "df")


@needs_docker
def test_programs_of_the_host_are_images_for_docker_too(daemon: Daemon) -> None:
    assert succeed(daemon, "run", "--rm", "--network", "none", "host/sh", "sh", "-c", "echo hello") == "hello\n"


def test_docker_py_lives_a_container(api: Any) -> None:
    assert api.ping() and api.version()["ApiVersion"] == "1.51"
    container = api.containers.create(
        IMAGE, ["sh", "-c", "read x; echo got $x"], stdin_open=True, network_mode="none", labels={"k": "v"}
    )
    assert container.status == "created"
    stdin = container.attach_socket(params={"stdin": 1, "stream": 1})
    container.start()
    stdin._sock.sendall(b"hello\n")
    assert container.wait(timeout=SECONDS)["StatusCode"] == 0
    stdin.close()
    assert container.logs() == b"got hello\n"
    container.reload()
    assert container.status == "exited" and container.labels == {"k": "v"}
    container.rename("ck-renamed")
    assert api.containers.get("ck-renamed").id == container.id
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        api.containers.get("ck-renamed")


def test_docker_py_sees_events_as_they_happen(api: Any) -> None:
    seen: list[str] = []
    stream = api.events(decode=True, filters={"type": "container"})

    def collect() -> None:
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                stream.close()
                return

    collector = threading.Thread(target=collect)
    collector.start()
    api.containers.run(IMAGE, ["true"], detach=True, auto_remove=True, network_mode="none")
    collector.join(SECONDS)
    assert [action for action in seen if action in ("create", "start", "die", "destroy")] == [
        "create",
        "start",
        "die",
        "destroy",
    ]


def test_docker_py_exec_and_archives(api: Any) -> None:
    container = api.containers.run(IMAGE, ["sleep", "1000"], detach=True, network_mode="none", tty=True)
    code, (out, err) = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 2"], demux=True)
    assert (code, out, err) == (2, b"out\n", b"err\n")
    code, out = container.exec_run(["sh", "-c", "tty; id -un"], tty=True, user="nobody")
    assert code == 0 and b"/dev/pts/" in out and b"nobody" in out
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("big")
        entry.size = 5 << 20
        archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    assert container.put_archive("/tmp", tar.getvalue())
    chunks, stat = container.get_archive("/tmp/big")
    assert stat["name"] == "big" and stat["size"] == 5 << 20
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        assert archive.getmember("big").size == 5 << 20
    with pytest.raises(docker.errors.NotFound):
        container.put_archive("/nowhere", tar.getvalue())


def test_a_missing_network_does_not_send_clients_to_pull(api: Any) -> None:
    with pytest.raises(docker.errors.APIError) as caught:
        api.containers.create(IMAGE, ["true"], network_mode="nosuch")
    assert caught.value.status_code == 400 and "nosuch" in str(caught.value)
    with pytest.raises(docker.errors.ImageNotFound):
        api.containers.create("ck-no-such-image", ["true"])
