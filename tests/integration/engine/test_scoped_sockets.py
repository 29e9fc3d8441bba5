"""Further sockets on which less may be done."""

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound

from tests.integration.engine.lab import Lab
from tests.support.daemon import NO_NETWORK, Daemon, Result
from tests.support.machine import Machine

SCOPES = """
[[sockets]]
path = "{run}/reader.sock"
read_only = true

[[sockets]]
path = "{run}/files.sock"
read_only = true
files = true

[[sockets]]
path = "{run}/team.sock"
label = "team=ci"

[[sockets]]
path = "{run}/plain.sock"
unprivileged = true
binds = ["{data}/allowed"]
"""


class Scoped:
    """A lab, and `ck` and docker-py by its other sockets."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.allowed = lab.daemon.data_root / "allowed"
        self.allowed.mkdir()

    def ck(self, socket: str, *arguments: str) -> Result:
        host = f"unix://{self.lab.daemon.run_root}/{socket}.sock"
        return self.lab.daemon.ck(*arguments, env={"CK_HOST": host}, check=False)

    def said(self, socket: str, *arguments: str) -> str:
        """What a refusal says."""
        result = self.ck(socket, *arguments)
        assert result.code != 0, result
        return result.err

    def api(self, socket: str) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.lab.daemon.run_root}/{socket}.sock")


@pytest.fixture(scope="module")
def scoped(busybox_image: str) -> Iterator[Scoped]:
    with Machine() as machine, Daemon(netns=machine.host) as daemon:
        daemon.stop()
        daemon.config.write_text(NO_NETWORK + SCOPES.format(run=daemon.run_root, data=daemon.data_root))
        daemon.start()
        daemon.ck("pull", "-q", busybox_image)
        yield Scoped(Lab(daemon, busybox_image, "ck-scoped"))


def test_reading_only(scoped: Scoped) -> None:
    name = scoped.lab.up()
    assert name in scoped.ck("reader", "ps").out
    assert scoped.ck("reader", "logs", name).code == scoped.ck("reader", "inspect", name).code == 0
    assert name in scoped.ck("reader", "stats", "--no-stream").out
    for line in (
        f"stop {name}|rm -f {name}|exec {name} true|kill {name}|update -m 64m {name}|cp /etc/passwd {name}:/x|"
        f"run {scoped.lab.image}|volume create v|network create n|rmi x|engine stop|doctor|volume prune -f"
    ).split("|"):
        assert "this socket is for reading only" in scoped.said("reader", *line.split())
    assert scoped.lab.status(name) == "running 0"
    scoped.lab.clean()


def test_files_are_read_where_the_config_says_so(scoped: Scoped, tmp_path: Path) -> None:
    """What is mounted into a container may be root's alone on the host."""
    secret = tmp_path / "secret"
    secret.write_text("root's\n")
    secret.chmod(0o600)
    name = scoped.lab.up(f"-v {tmp_path}:/s")
    for line in (f"cp {name}:/s/secret -", f"cp {name}:/etc/. -", f"export -o {tmp_path}/out.tar {name}"):
        assert "without files of containers" in scoped.said("reader", *line.split()), line
        assert scoped.ck("files", *line.split()).code == 0, line
    assert "root's" in scoped.ck("files", "cp", f"{name}:/s/secret", "-").out
    assert "for reading only" in scoped.said("files", "cp", str(secret), f"{name}:/x")
    assert scoped.ck("reader", "save", "-o", f"{tmp_path}/image.tar", scoped.lab.image).code == 0
    scoped.lab.clean()


def test_what_others_have_is_not_there(scoped: Scoped) -> None:
    lab = scoped.lab
    other = lab.up("--ipc shareable")
    lab.ck("volume", "create", "ck-scoped-theirs")
    lab.ck("network", "create", "--internal", "ck-scoped-net")
    assert scoped.ck("team", "ps", "-aq").out == ""
    for line in (f"inspect {other}|stop {other}|exec {other} true|logs {other}").split("|"):
        assert scoped.ck("team", *line.split()).code != 0
    assert "No such container" in scoped.ck("team", "rm", "-f", other).err
    with pytest.raises(NotFound, match="No such container"):
        scoped.api("team").inspect_container(other)
    for options in (
        f"--pid container:{other}",
        f"--ipc container:{other}",
        f"--network container:{other}",
        f"--volumes-from {other}",
        "-v ck-scoped-theirs:/v",
        "--network ck-scoped-net",
        "--label team=web",
    ):
        assert scoped.ck("team", "run", "--rm", *options.split(), lab.image, "true").code == 125, options
    assert "ck-scoped-theirs" not in scoped.ck("team", "volume", "ls").out
    assert "ck-scoped-net" not in scoped.ck("team", "network", "ls").out
    assert "no such volume" in scoped.said("team", "volume", "rm", "ck-scoped-theirs")
    assert "not found" in scoped.said("team", "network", "connect", "ck-scoped-net", other)
    assert "what has the label team=ci" in scoped.said("team", "system", "df")
    assert lab.status(other) == "running 0"
    lab.ck("network", "rm", "ck-scoped-net")
    lab.clean()


def test_what_is_made_carries_the_label(scoped: Scoped) -> None:
    lab = scoped.lab
    name = lab.new_name()
    made = scoped.ck("team", "run", "-d", "--name", name, "-v", "ck-scoped-own:/v", lab.image, "sleep", "1000")
    assert made.code == 0, made
    assert lab.inspect(name, '{{index .Config.Labels "team"}}') == "ci"
    assert scoped.ck("team", "ps", "--format", "{{.Names}}").out.split() == [name]
    assert "ck-scoped-own" in scoped.ck("team", "volume", "ls").out
    assert scoped.ck("team", "exec", name, "echo", "hi").out == "hi\n"
    theirs = lab.up()
    shown = scoped.ck("team", "events", "--since", "1h", "--until", "0s").out
    assert name in shown and theirs not in shown
    assert theirs not in scoped.ck("team", "stats", "--no-stream").out
    lab.ck("stop", "-t", "0", name, theirs)
    assert scoped.ck("team", "container", "prune", "-f").code == 0
    assert [each for each in lab.ck("ps", "-a", "--format", "{{.Names}}").split() if each == theirs] == [theirs]
    assert name not in lab.ck("ps", "-a")
    lab.clean()


def test_no_power_over_the_host(scoped: Scoped) -> None:
    for options in (
        "--privileged",
        "--cap-add SYS_ADMIN",
        "--network host",
        f"--network {scoped.lab.ck('network', 'inspect', '-f', '{{.Id}}', 'host').strip()[:12]}",
        "--pid host",
        "--device /dev/null",
        "--userns host",
        "--security-opt seccomp=unconfined",
        "--security-opt systempaths=unconfined",
        "-v /:/host",
        "--mount type=bind,src=/etc,dst=/x",
        "--mount type=volume,src=sneaky,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/etc",
    ):
        said = scoped.said("plain", "run", "--rm", *options.split(), scoped.lab.image, "true")
        assert "not allowed" in said or "may not be mounted" in said, said
    sneaky = ("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "sneaky")
    assert "the volume option" in scoped.said("plain", *sneaky)
    with pytest.raises(APIError, match="403"):
        scoped.api("plain").create_container(scoped.lab.image, host_config={"Privileged": True})
    name = scoped.lab.up()
    assert "exec --privileged is not allowed" in scoped.said("plain", "exec", "--privileged", name, "true")
    scoped.lab.clean()


def test_no_power_by_way_of_others(scoped: Scoped) -> None:
    """A container that root has made with more power gives none of it away."""
    lab = scoped.lab
    lab.ck("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "ck-scoped-etc")
    privileged = lab.up("--privileged --ipc shareable")
    joining = lab.up(f"--pid container:{privileged}")
    powerful = (privileged, joining, lab.up("-v /etc:/h"), lab.up("-v ck-scoped-etc:/h"))
    for name in powerful:
        for line in (
            f"exec {name} true|attach {name}|restart {name}|cp {name}:/etc/passwd -|export {name}|"
            f"run --rm --volumes-from {name} {lab.image} true|run --rm --pid container:{name} {lab.image} true|"
            f"run --rm --depends-on {name} {lab.image} true"
        ).split("|"):
            assert "has more power than this socket gives" in scoped.said("plain", *line.split()), line
        with pytest.raises(APIError, match="403"):
            scoped.api("plain").put_archive(name, "/", b"")
    for name in powerful[1:]:
        lab.ck("stop", "-t", "0", name)
        assert "has more power" in scoped.said("plain", "start", name)
    said = scoped.said("plain", "run", "--rm", "-v", "ck-scoped-etc:/h", lab.image, "true")
    assert "volume ck-scoped-etc is not allowed" in said
    ordinary = lab.up()
    assert scoped.ck("plain", "exec", ordinary, "echo", "hi").out == "hi\n"
    client = scoped.api("plain")
    answer = client.post(client._url("/containers/{0}/update", ordinary), json={"OomKillDisable": True})
    assert answer.status_code == 403 and "--oom-kill-disable is not allowed" in answer.text
    lab.clean()


def test_images_are_not_read_from_the_host_s_files(scoped: Scoped, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(AssertionError, match="fifo is not a regular file"):
        scoped.lab.ck("pull", f"docker-archive:{tmp_path}/fifo")
    for reference in (f"oci:{tmp_path}:x", f"docker-archive:{tmp_path}/a.tar", "host/sh"):
        assert "may not be pulled" in scoped.said("plain", "pull", reference), reference
        assert "may not be pulled" in scoped.said("plain", "manifest", "inspect", reference), reference
    assert "only" in scoped.said("reader", "manifest", "inspect", "127.0.0.1:1/x")
    assert "may not be packed" in scoped.said("plain", "pack", "sh")
    body = {"Index": "e30=", "Sources": {"sha256:1": f"oci:{tmp_path}"}}
    client = scoped.api("plain")
    try:
        answer = client.post(client._url("/ck/manifests/{0}", "127.0.0.1:1/x:1"), json=body)
    finally:
        client.close()
    assert (answer.status_code, "may not be pulled" in answer.json()["message"]) == (403, True)


def test_nothing_is_built(scoped: Scoped, tmp_path: Path) -> None:
    """A build reads directories of the host by their names, and runs what it finds."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    for socket in ("reader", "team", "plain"):
        assert "is not allowed on this socket" in scoped.said(socket, "build", str(tmp_path))


def test_whom_a_container_shares_with_does_not_change(scoped: Scoped) -> None:
    """It names another by what is its name now: who gets that name later is somebody else."""
    lab = scoped.lab
    victim = lab.inspect(lab.up("--ipc shareable"), "{{.Id}}")
    prefix = victim[:8]
    own = ("run", "-d", "--ipc", "shareable", "--name", prefix, lab.image, "sleep", "1000")
    assert scoped.ck("team", *own).code == 0
    mode = f"container:{prefix}"
    users = [lab.new_name() for _ in range(4)]
    options = (f"--pid {mode}", f"--ipc {mode}", f"--network {mode}", f"--depends-on {prefix}")
    for name, option in zip(users, options, strict=True):
        made = scoped.ck("team", "create", "--name", name, *option.split(), lab.image, "sleep", "1000")
        assert made.code == 0, made
    first = lab.inspect(prefix, "{{.Id}}")
    assert scoped.ck("team", "rename", prefix, "ck-scoped-renamed").code == 0
    assert lab.inspect(users[0], "{{.HostConfig.PidMode}}") == f"container:{first}"
    for name in users:
        started = scoped.ck("team", "start", name)
        assert started.code == 0, started
    namespaces = [Path(f"/proc/{lab.inspect(each, '{{.State.Pid}}')}/ns/pid").readlink() for each in (users[0], first)]
    assert namespaces[0] == namespaces[1]
    lab.ck("rm", "-f", "ck-scoped-renamed")
    lab.clean()


def test_directories_that_are_allowed(scoped: Scoped) -> None:
    os.chown(scoped.allowed, 1234, 1234)
    result = scoped.ck(
        "plain", "run", "--rm", "-v", f"{scoped.allowed}:/a", scoped.lab.image, "sh", "-c", "touch /a/f; chown 33 /a/f"
    )
    assert "chown" in result.err, result  # nothing can be made that is anybody else's
    assert (scoped.allowed / "f").stat().st_uid == 1234


def test_a_link_in_them_leads_nowhere(scoped: Scoped) -> None:
    (scoped.allowed / "link").symlink_to("/etc")
    run = ("run", "--rm", "-v", f"{scoped.allowed}/link:/a", scoped.lab.image, "cat", "/a/hostname")
    assert scoped.ck("plain", *run).code == 125
    (scoped.allowed / "etc").mkdir()
    (scoped.allowed / "etc/hostname").write_text("not the host's\n")
    assert scoped.ck("plain", *run).out == "not the host's\n"


def test_who_may_connect(scoped: Scoped) -> None:
    for socket in ("reader", "team", "plain"):
        status = (scoped.lab.daemon.run_root / f"{socket}.sock").stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o660, 0)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('label = "team"', "must be NAME=VALUE, not 'team'"),
        ('binds = ["srv"]', "cannot allow 'srv'"),
        ('binds = ["/srv/../etc"]', "cannot allow '/srv/../etc'"),
        ("readonly = true", "readonly"),
    ],
)
def test_scopes_that_cannot_be(table: str, sentence: str, tmp_path: Path) -> None:
    config = f'[[sockets]]\npath = "{tmp_path}/s"\n{table}\n'
    with pytest.raises(AssertionError, match="did not start") as caught, Daemon(config=config):
        raise AssertionError("it serves")
    assert sentence in str(caught.value)
