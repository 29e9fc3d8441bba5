"""Binds, volumes and tmpfs: `-v`, `--mount`, `--volumes-from`, `volume`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ck.kernel.drivers.platform import canonical
from ck.kernel.drivers.registry import Platform
from tests.integration.engine.lab import Lab
from tests.support.busybox import PATH, busybox_tar
from tests.support.oci_layout import OciLayout, make_layer


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A directory with a file, and a tmpfs mounted below it."""
    (tmp_path / "below").mkdir()
    (tmp_path / "file").write_text("on the host\n")
    subprocess.run(["mount", "-t", "tmpfs", "ck-below", tmp_path / "below"], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path / "below"], check=True)


def test_binds(lab: Lab, tree: Path) -> None:
    write = "touch /v/top; touch /v/below/deep; cat /v/file"
    assert lab.out(f"-v {tree}:/v", write) == "on the host\n"
    assert (tree / "top").exists() and (tree / "below/deep").exists()
    for options in (f"-v {tree}:/v:ro", f"--mount type=bind,src={tree},dst=/v,ro,bind-propagation=rprivate"):
        assert lab.run(options, "sh", "-c", write).err.count("Read-only file system") == 2
    upper = lab.run(f"--mount type=bind,src={tree},dst=/v,ro,bind-recursive=writable", "sh", "-c", write)
    assert upper.err.count("Read-only file system") == 1
    assert lab.out(f"--mount type=bind,src={tree},dst=/v,bind-recursive=disabled", "ls -A /v/below") == ""
    assert lab.out(f"-v {tree}/file:/etc/file:ro", "cat /etc/file") == "on the host\n"
    made = tree / "made"
    lab.out(f"-v {made}:/v", "true")
    assert made.is_dir()


@pytest.mark.parametrize(("mode", "seen"), [("rslave", "late\n"), ("rprivate", "")])
def test_propagation_into_the_container(lab: Lab, tmp_path: Path, mode: str, seen: str) -> None:
    below = tmp_path / "below"
    subprocess.run(["mount", "-t", "tmpfs", "ck-top", tmp_path], check=True)
    try:
        subprocess.run(["mount", "--make-shared", tmp_path], check=True)
        below.mkdir()
        container = lab.up(f"-v {tmp_path}:/v:{mode}")
        subprocess.run(["mount", "-t", "tmpfs", "ck-late", below], check=True)
        try:
            (below / "late").touch()
            assert lab.ck("exec", container, "ls", "/v/below") == seen
        finally:
            subprocess.run(["umount", below], check=True)
    finally:
        lab.clean()
        subprocess.run(["umount", tmp_path], check=True)


def test_named_volumes_are_filled_once(lab: Lab) -> None:
    volume = lab.new_name()
    assert lab.out(f"-v {volume}:/etc", "ls /etc/passwd; echo changed > /etc/passwd") == "/etc/passwd\n"
    assert lab.out(f"-v {volume}:/etc", "cat /etc/passwd") == "changed\n"
    assert lab.out(f"--mount src={volume},dst=/d,ro", "cat /d/passwd; touch /d/x || true") == "changed\n"
    assert lab.out(f"-v {lab.new_name()}:/root", "stat -c %a /root") == "700\n"
    assert lab.out(f"-v {lab.new_name()}:/tmp:nocopy", "stat -c %a /tmp") == "755\n"
    assert lab.out(f"--mount src={lab.new_name()},dst=/tmp,volume-nocopy", "stat -c %a /tmp") == "755\n"


def test_subpaths_stay_in_their_volume(lab: Lab) -> None:
    volume = lab.new_name()
    script = "mkdir /d/sub; echo deep > /d/sub/file; ln -s sub /d/link; ln -s /etc /d/etc; ln -s ../../.. /d/up"
    lab.out(f"-v {volume}:/d", script)
    part = f"--mount src={volume},dst=/p,volume-subpath="
    assert lab.out(f"{part}sub", "cat /p/file") == lab.out(f"{part}link", "cat /p/file") == "deep\n"
    lab.refused(f"{part}etc", "cannot use subpath 'etc'")
    assert "sub" in lab.out(f"{part}up", "ls /p").split()  # "..", at the top of the volume, leads no further
    lab.refused(f"{part}nosuch", "cannot use subpath 'nosuch'")
    lab.refused(f"{part}../x", "invalid volume subpath '../x'")
    stopped = lab.make(f"{part}etc")
    lab.fails("cp", f"{stopped}:/p/hostname", "-")


def test_volumes_of_the_image(lab: Lab, tmp_path: Path) -> None:
    layout = OciLayout(tmp_path / "layout")
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    platform = canonical(Platform(architecture=machine))
    layout.add_image(
        "volumes", [make_layer(busybox_tar())], platform, Env=[f"PATH={PATH}"], Volumes={"/root": {}, "/new": {}}
    )
    reference = f"oci:{layout.directory}:volumes"
    name = lab.new_name()
    lab.ck("run", "--name", name, reference, "sh", "-c", "touch /root/x /new/x; stat -c %a /root")
    try:
        assert lab.ck("logs", name) == "700\n"
        volumes = lab.inspect(name, "{{range .Mounts}}{{.Name}} {{end}}").split()
        assert len(volumes) == 2 and set(volumes) <= set(lab.ck("volume", "ls", "-q").split())
        lab.ck("start", name)
        assert lab.ck("diff", name) == "A /new\n"
        lab.ck("wait", name)
        lab.ck("rm", "-v", name)
        assert not set(volumes) & set(lab.ck("volume", "ls", "-q").split())
    finally:
        lab.clean()
        lab.ck("rmi", reference)


def test_rm_takes_anonymous_volumes_only(lab: Lab) -> None:
    before, named = set(lab.ck("volume", "ls", "-q").split()), lab.new_name()
    lab.out(f"-v {named}:/n -v /anonymous --mount dst=/other", "true")
    assert lab.run(f"-v {named}:/n -v /anonymous", "nosuch").code == 127
    assert set(lab.ck("volume", "ls", "-q").split()) - before == {named}


def test_volumes_from(lab: Lab, tree: Path) -> None:
    volume = lab.new_name()
    container = lab.make(f"-v {volume}:/n -v /anonymous -v {tree}:/t:ro --tmpfs /gone")
    script = "touch /n/x /anonymous/x; ls /t/file /gone; touch /t/x"
    result = lab.run(f"--volumes-from {container}", "sh", "-c", script)
    assert result.out == "/t/file\n" and result.err.count("\n") == 2, result
    read_only = lab.run(f"--volumes-from {container}:ro", "sh", "-c", "ls /n /anonymous; touch /n/y")
    assert read_only.out.count("x\n") == 2 and "Read-only file system" in read_only.err
    lab.refused("--volumes-from nosuch", "No such container: nosuch")
    assert f"volume {volume} is in use by container" in lab.fails("volume", "rm", volume)
    assert "in use" in lab.fails("volume", "rm", "-f", volume)


def test_volume_verbs(lab: Lab) -> None:
    volume = lab.new_name()
    lab.ck("volume", "create", "--label", "a=b", volume)
    assert lab.ck("volume", "create", volume) == f"{volume}\n"
    assert lab.inspect(volume, "{{.Name}} {{.Driver}} {{.Labels.a}}") == f"{volume} local b"
    assert "no such volume: nosuch" in lab.fails("volume", "rm", "nosuch")
    assert lab.ck("volume", "rm", "-f", "nosuch") == "nosuch\n"
    assert "no volume driver 'nosuch'" in lab.fails("volume", "create", "--driver", "nosuch")
    assert "'bad/name'" in lab.fails("volume", "create", "bad/name")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("-v relative/path:/v", "'relative/path' in 'relative/path:/v' is neither an absolute path nor a volume name"),
        ("-v name:/v:bogus", "invalid mode 'bogus'"),
        ("-v name:/", "the destination cannot be the root"),
        ("-v one1:/v -v two2:/v", "duplicate mount point: /v"),
        ("--mount type=bind,src=/nosuch,dst=/v", "bind source path does not exist: /nosuch"),
        ("--mount type=bogus,dst=/v", "mount type 'bogus' is none of"),
        ("-v /etc/hostname:/bin", 'cannot mount "/etc/hostname" at "/bin" in the container'),
    ],
)
def test_bad_mounts(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


def test_what_a_container_has_left_is_there_after_a_restart(own_lab: Lab) -> None:
    """An anonymous volume goes with its container only where that was asked for, however the engine ends."""
    lab = own_lab
    left = lab.make("-v /anonymous")
    shared = lab.make("-v /anonymous")
    borrower = lab.make(f"--volumes-from {shared}")
    gone = lab.make("-v /anonymous")
    names = {each: lab.inspect(each, "{{(index .Mounts 0).Name}}") for each in (left, shared, gone)}
    lab.ck("rm", left)
    lab.ck("rm", "-v", shared)
    lab.ck("rm", borrower)
    lab.ck("rm", "-v", gone)
    for end in (lab.daemon.stop, lab.daemon.kill9):
        assert set(lab.ck("volume", "ls", "-q").split()) == {names[left], names[shared]}
        end()
        lab.daemon.start()
    assert set(lab.ck("volume", "ls", "-q").split()) == {names[left], names[shared]}
