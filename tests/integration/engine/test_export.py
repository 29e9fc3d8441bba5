"""`ck export`: the root of a container as a tar, running or not, and nothing that is only mounted there."""

import tarfile
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab

_MAKE = """
echo kept >/kept; chown 33:34 /kept; ln -s kept /link; ln /kept /hard
rm /etc/passwd; echo no >/v/no; echo no >/t/no
"""


def _members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {each.name: each for each in tar}


@pytest.mark.parametrize("users", ["auto", "host"])
def test_the_root_without_what_is_mounted_there(lab: Lab, tmp_path: Path, users: str) -> None:
    name = lab.up(f"--userns {users} -v {lab.new_name()}:/v --tmpfs /t", "sleep", "1000")
    lab.ck("exec", name, "sh", "-c", _MAKE)
    lab.ck("export", "-o", str(tmp_path / "running"), name)
    lab.ck("kill", name)
    lab.ck("wait", name)
    lab.ck("export", "--output", str(tmp_path / "stopped"), name)
    for state in ("running", "stopped"):
        found = _members(tmp_path / state)
        assert (found["hard"].size, found["hard"].uid, found["hard"].gid) == (5, 33, 34)
        assert (found["link"].linkname, found["hard"].linkname + found["kept"].linkname) == ("kept", "hard")
        assert "etc/passwd" not in found and found["bin/busybox"].size > 100_000
        for mounted in ("v", "t", "proc", "sys", "dev"):
            assert found[mounted].isdir()
            assert not [each for each in found if each.startswith(f"{mounted}/")], state
        assert found["etc/hosts"].size == 0
    assert sorted(_members(tmp_path / "running")) == sorted(_members(tmp_path / "stopped"))


def test_to_standard_output_and_by_docker_py(lab: Lab, tmp_path: Path) -> None:
    name = lab.make()
    with (tmp_path / "out").open("wb") as out, lab.popen("export", name) as export:
        assert export.stdout is not None
        out.write(export.stdout.read())
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        (tmp_path / "api").write_bytes(b"".join(client.export(name)))
    finally:
        client.close()
    assert "bin/busybox" in _members(tmp_path / "api")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "api").read_bytes()


def test_bad_input_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    name = lab.make()
    assert lab.fails("export", "-o", str(tmp_path / "f"), "ck-nosuch") == "ck: No such container: ck-nosuch\n"
    missing = tmp_path / "no" / "f"
    assert lab.fails("export", "-o", str(missing), name) == f"ck: cannot write {missing}: No such file or directory\n"
    assert lab.fails("export", "-o", str(tmp_path), name) == f"ck: cannot write {tmp_path}: Is a directory\n"
    assert lab.fails("export", "-o", "/dev/full", name) == "ck: cannot write /dev/full: No space left on device\n"
    assert list(tmp_path.iterdir()) == []
