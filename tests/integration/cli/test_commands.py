"""The other commands on the real engine: what they print, and how they fail."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.background import background
from tests.support.daemon import CK, Daemon


@pytest.fixture(autouse=True, scope="module")
def pulled(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("pull", "-q", busybox_image)


@pytest.fixture
def sleeper(daemon: Daemon, busybox_image: str, request: pytest.FixtureRequest) -> object:
    name = f"ck-{request.node.name.replace('_', '-').partition('[')[0]}"
    daemon.ck("run", "-d", "--name", name, "--label", "a.b=c", busybox_image, "sleep", "1000")
    request.addfinalizer(lambda: daemon.ck("rm", "-f", "-v", name))
    return name


def test_ps(daemon: Daemon, sleeper: str, busybox_image: str) -> None:
    header, row = daemon.ck("ps", "--filter", f"name={sleeper}").out.splitlines()
    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert row.endswith(sleeper) and '"sleep 1000"' in row and " Up " in row
    assert header.index("NAMES") == row.index(sleeper)
    format_ = 'table {{.Names}}\\t{{.Label "a.b"}}\\t{{.State}}'
    assert daemon.ck("ps", "-f", f"name={sleeper}", "--format", format_).out.splitlines()[1].split() == [
        sleeper,
        "c",
        "running",
    ]
    record = json.loads(daemon.ck("ps", "-f", f"name={sleeper}", "--format", "json").out)
    assert record["Names"] == sleeper and record["Labels"] == "a.b=c" and record["Image"] == busybox_image
    identifier = daemon.ck("ps", "-q", "--no-trunc", "-f", f"name={sleeper}").out.strip()
    assert len(identifier) == 64 and identifier.startswith(record["ID"])


def test_inspect(daemon: Daemon, sleeper: str, busybox_image: str) -> None:
    assert daemon.ck("inspect", "-f", "{{.Name}} {{.State.Status}}", sleeper).out == f"/{sleeper} running\n"
    assert daemon.ck("inspect", "-f", '{{index .Config.Labels "a.b"}}', sleeper).out == "c\n"
    assert json.loads(daemon.ck("inspect", sleeper).out)[0]["Config"]["Cmd"] == ["sleep", "1000"]
    assert json.loads(daemon.ck("image", "inspect", "-f", "{{json .RepoTags}}", busybox_image).out)
    both = daemon.ck("inspect", "-f", "{{.Id}}", sleeper, "nonesuch", check=False)
    assert (both.code, len(both.out)) == (1, 65)
    assert both.err == "ck: no such object: nonesuch\n"


def test_every_failure_is_told(daemon: Daemon, sleeper: str) -> None:
    result = daemon.ck("stop", "-t", "0", "nonesuch-1", sleeper, "nonesuch-2", check=False)
    assert (result.code, result.out) == (1, f"{sleeper}\n")
    assert [line.startswith("ck: ") for line in result.err.splitlines()] == [True, True]
    assert daemon.ck("rm", "-f", "nonesuch-1").code == 0


def test_the_lifecycle(daemon: Daemon, sleeper: str) -> None:
    def status() -> str:
        return daemon.ck("inspect", "-f", "{{.State.Status}}", sleeper).out.strip()

    for command, expected in (
        (("pause",), "paused"),
        (("unpause",), "running"),
        (("kill", "-s", "KILL"), "exited"),
        (("start",), "running"),
        (("restart", "-t", "0"), "running"),
        (("stop", "-t", "0"), "exited"),
    ):
        assert daemon.ck(*command, sleeper).out == f"{sleeper}\n"
        if command[0] == "kill":
            assert daemon.ck("wait", sleeper).out == "137\n"
        assert status() == expected
    daemon.ck("rename", sleeper, f"{sleeper}-new")
    daemon.ck("rename", f"{sleeper}-new", sleeper)
    refused = daemon.ck("pause", sleeper, check=False)
    assert refused.code == 1 and refused.err.startswith("ck: ")


def test_top_and_diff(daemon: Daemon, sleeper: str) -> None:
    titles, process = daemon.ck("top", sleeper).out.splitlines()
    assert titles.split()[:2] == ["UID", "PID"] and process.endswith("sleep 1000")
    daemon.ck("exec", sleeper, "touch", "/new")
    assert "A /new" in daemon.ck("diff", sleeper).out.splitlines()
    assert daemon.ck("port", sleeper).out == ""


def test_logs(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("run", "--name", "ck-logs", busybox_image, "sh", "-c", "seq 10; echo err >&2")
    try:
        result = daemon.ck("logs", "ck-logs")
        assert (result.out, result.err) == ("".join(f"{each}\n" for each in range(1, 11)), "err\n")
        assert daemon.ck("logs", "-n", "2", "ck-logs").out == "10\n"
        assert daemon.ck("logs", "--since", "1h", "ck-logs").out == result.out
        assert daemon.ck("logs", "--until", "1h", "ck-logs").out == ""
        stamped = daemon.ck("logs", "-t", "-n", "3", "ck-logs").out.splitlines()[0]
        moment, line = stamped.split()
        assert line == "9" and moment.endswith("Z")
        assert daemon.ck("logs", "-f", "ck-logs").out == result.out
        assert daemon.ck("logs", "--since", "never", "ck-logs", check=False).code == 125
    finally:
        daemon.ck("rm", "-f", "ck-logs")


def test_logs_follow_a_running_container(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("create", "-i", "--name", "ck-follow", busybox_image, "cat")
    daemon.ck("start", "ck-follow")
    try:
        with (
            background(daemon, "logs", "-f", "ck-follow") as follower,
            background(daemon, "attach", "ck-follow") as typist,
        ):
            assert follower.stdout and typist.stdin
            for line in (b"one\n", b"two\n"):
                typist.stdin.write(line)
                typist.stdin.flush()
                assert follower.stdout.readline() == line
            typist.stdin.close()
            assert follower.stdout.read() == b""
            assert follower.wait(30) == 0
            assert typist.wait(30) == 0
    finally:
        daemon.ck("rm", "-f", "ck-follow")


def test_copies(daemon: Daemon, sleeper: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").write_bytes(os.urandom(300_000))
    (source / "program").write_text("#!/bin/sh\necho ran\n")
    (source / "program").chmod(0o755)
    os.chown(source / "program", 1234, 1234)
    daemon.ck("cp", f"{source}/.", f"{sleeper}:/new")
    assert daemon.ck("exec", sleeper, "/new/program").out == "ran\n"
    assert daemon.ck("exec", sleeper, "stat", "-c", "%u:%g", "/new/program").out == "0:0\n"
    daemon.ck("cp", source, f"{sleeper}:/tmp")
    assert daemon.ck("exec", sleeper, "ls", "/tmp/source").out.split() == ["program", "sub"]
    daemon.ck("cp", source / "program", f"{sleeper}:/tmp/renamed")
    assert daemon.ck("exec", sleeper, "/tmp/renamed").out == "ran\n"

    back = tmp_path / "back"
    daemon.ck("cp", f"{sleeper}:/new", back)
    assert (back / "sub/file").read_bytes() == (source / "sub/file").read_bytes()
    assert stat.S_IMODE((back / "program").stat().st_mode) == 0o755
    existing = tmp_path / "existing"
    existing.mkdir()
    daemon.ck("cp", f"{sleeper}:/new", existing)
    assert (existing / "new/program").is_file()
    daemon.ck("cp", f"{sleeper}:/new/.", existing)
    assert (existing / "program").is_file()
    daemon.ck("exec", sleeper, "ln", "-s", "/new/program", "/link")
    daemon.ck("cp", f"{sleeper}:/link", tmp_path / "as-link")
    daemon.ck("cp", "-L", f"{sleeper}:/link", tmp_path / "followed")
    assert (tmp_path / "as-link").is_symlink() and (tmp_path / "followed").read_text().startswith("#!")


def test_copies_as_tar_streams(daemon: Daemon, sleeper: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("through a pipe")
    tar = subprocess.run(["tar", "-C", tmp_path, "-c", "file"], capture_output=True, check=True).stdout
    daemon.ck("cp", "-", f"{sleeper}:/tmp", stdin=tar)
    out = daemon.ck("cp", f"{sleeper}:/tmp/file", "-").stdout
    shown = subprocess.run(["tar", "-xO"], input=out, capture_output=True, check=True).stdout
    assert shown == b"through a pipe"


def test_copies_that_fail(daemon: Daemon, sleeper: str, tmp_path: Path) -> None:
    for arguments, message in (
        ((f"{sleeper}:/nowhere", tmp_path), "could not find the file /nowhere in container"),
        ((f"{sleeper}:/etc/passwd/below", tmp_path), "/etc/passwd/below"),
        (("nonesuch:/x", tmp_path), "nonesuch"),
        ((tmp_path / "nowhere", f"{sleeper}:/"), "no such file or directory"),
        ((tmp_path, f"{sleeper}:/etc/passwd"), "cannot copy directory"),
        (("/a", "/b"), "must specify at least one container source"),
        (("a:/a", "b:/b"), "copying between containers is not supported"),
    ):
        result = daemon.ck("cp", *arguments, check=False)
        assert result.code == 1 and message in result.err, result.err


def test_images(daemon: Daemon, busybox_image: str) -> None:
    identifier = daemon.ck("images", "-q", "--no-trunc").out.split()[0]
    daemon.ck("tag", busybox_image, "ck-tagged:v1")
    rows = daemon.ck("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").out.splitlines()
    assert f"ck-tagged:v1 {identifier.partition(':')[2][:12]}" in rows
    assert "IMAGE" in daemon.ck("history", busybox_image).out
    assert daemon.ck("rmi", "ck-tagged:v1").out == "Untagged: ck-tagged:v1\n"
    missing = daemon.ck("rmi", "ck-tagged:v1", check=False)
    assert missing.code == 1 and missing.err.startswith("ck: ")


def test_names_that_are_none(daemon: Daemon, busybox_image: str) -> None:
    for target, told in (
        ("a:", "invalid reference format: 'a:'"),
        ("sha256:abc", "refusing to create an ambiguous tag using digest algorithm as name"),
        ("sha256", "refusing to create an ambiguous tag using digest algorithm as name"),
        (f"a@sha256:{'0' * 64}", "refusing to create a tag with a digest reference"),
    ):
        refused = daemon.ck("tag", busybox_image, target, check=False)
        assert refused.code == 1 and refused.err.startswith(f"ck: {told}"), refused
    assert daemon.ck("push", "a:", check=False).code == 1


def test_images_until(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("tag", busybox_image, "ck-until:1")
    try:
        assert daemon.ck("images", "-q", "--filter", "until=2000-01-01", "ck-until").out == ""
        assert daemon.ck("images", "-q", "--filter", "until=876000h", "ck-until").out == ""
        refused = daemon.ck("images", "--filter", "until=1x", check=False)
        assert refused.err == "ck: invalid filter 'until=1x'\n"
    finally:
        daemon.ck("rmi", "ck-until:1")


def test_volumes(daemon: Daemon, busybox_image: str) -> None:
    assert daemon.ck("volume", "create", "--label", "a=b", "ck-volume").out == "ck-volume\n"
    try:
        daemon.ck("run", "--rm", "-v", "ck-volume:/data", busybox_image, "sh", "-c", "echo kept > /data/file")
        result = daemon.ck("run", "--rm", "--mount", "source=ck-volume,target=/d,ro", busybox_image, "cat", "/d/file")
        assert result.out == "kept\n"
        assert "ck-volume" in daemon.ck("volume", "ls").out
        assert daemon.ck("volume", "ls", "-q", "-f", "label=a=b").out == "ck-volume\n"
        assert daemon.ck("volume", "inspect", "-f", "{{.Name}} {{.Labels.a}}", "ck-volume").out == "ck-volume b\n"
    finally:
        assert daemon.ck("volume", "rm", "ck-volume").out == "ck-volume\n"
    assert daemon.ck("volume", "rm", "ck-volume", check=False).code == 1


def test_prunes(fresh_daemon: Daemon, busybox_image: str) -> None:
    fresh_daemon.ck("pull", "-q", busybox_image)
    identifier = fresh_daemon.ck("create", "-v", "/anonymous", busybox_image).out.strip()
    refused = fresh_daemon.ck("container", "prune", stdin=b"n\n")
    assert "WARNING! This will remove all stopped containers." in refused.out
    assert fresh_daemon.ck("ps", "-aq", "--no-trunc").out.strip() == identifier
    pruned = fresh_daemon.ck("container", "prune", stdin=b"y\n").out
    assert f"Deleted Containers:\n{identifier}\n" in pruned and "Total reclaimed space:" in pruned
    assert "Deleted Volumes:" in fresh_daemon.ck("volume", "prune", "-f").out
    assert "Total reclaimed space: 0B" in fresh_daemon.ck("image", "prune", "-f").out
    assert "deleted: sha256:" in fresh_daemon.ck("image", "prune", "-af").out


def test_networks(daemon: Daemon) -> None:
    names = daemon.ck("network", "ls", "--format", "{{.Name}}").out.split()
    assert {"host", "none"} <= set(names)
    assert daemon.ck("network", "inspect", "-f", "{{.Name}}", "none").out == "none\n"


def test_system(daemon: Daemon) -> None:
    assert "Server:" in daemon.ck("version").out
    assert daemon.ck("version", "-f", "{{.Server.ApiVersion}} {{.Client.ApiVersion}}").out.split()[1] == "1.51"
    assert "Storage Driver:" in daemon.ck("info").out
    assert daemon.ck("info", "-f", "{{.OSType}}").out == "linux\n"
    assert [line.split()[0] for line in daemon.ck("system", "df").out.splitlines()[1:3]] == ["Images", "Containers"]
    assert "Images space usage:" in daemon.ck("system", "df", "-v").out


def test_events(daemon: Daemon, sleeper: str) -> None:
    daemon.ck("kill", sleeper)
    daemon.ck("wait", sleeper)
    shown = daemon.ck("events", "--since", "1h", "--until", "0s", "-f", f"container={sleeper}").out.splitlines()
    actions = [line.split()[2] for line in shown]
    assert actions[:2] == ["create", "start"] and actions[-1] == "die"
    assert all(line.split()[1] == "container" and f"name={sleeper}" in line for line in shown)
    last = daemon.ck(
        *("events", "--since", "1h", "--until", "0s", "-f", f"container={sleeper}", "-f", "event=die"),
        *("--format", "{{.Actor.Attributes.exitCode}}"),
    )
    assert last.out == "137\n"


def test_bash_completion(daemon: Daemon, sleeper: str, tmp_path: Path) -> None:
    # bash asks whatever program the user typed, so there must be one of that name.
    program = tmp_path / "ck"
    program.write_text(f"#!{CK[0]}\n{CK[2]}\n")
    program.chmod(0o755)
    script = f"""
    source <({program} completion bash)
    COMP_LINE="{program} stop {sleeper[:-1]}" COMP_POINT=$((${{#COMP_LINE}}))
    _ck; echo "${{COMPREPLY[@]}}"
    COMP_LINE="{program} run --pull " COMP_POINT=$((${{#COMP_LINE}}))
    _ck; echo "${{COMPREPLY[@]}}"
    """
    shown = subprocess.run(["bash", "-c", script], env=daemon.environment, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [sleeper, "always missing never"], shown.stderr
    for shell in ("fish", "zsh"):
        assert "__complete" in daemon.ck("completion", shell).out
    assert daemon.ck("completion", "tcsh", check=False).code == 1


def test_login_without_a_terminal(daemon: Daemon) -> None:
    result = daemon.ck("login", "reg.example", check=False)
    assert (result.code, result.err) == (1, "ck: cannot perform an interactive login from a non TTY device\n")
    assert daemon.ck("logout", "reg.example").out == "Not logged in to reg.example\n"
