"""Links, "..", and whoever changes a path while the engine walks it."""

import io
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab


def tar_of(*members: tuple[str, str, str]) -> bytes:
    """(name, kind, target or content)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            content = text.encode() if kind == "file" else b""
            member.size = len(content)
            if kind == "symlink":
                member.type, member.linkname = tarfile.SYMTYPE, text
            elif kind == "hardlink":
                member.type, member.linkname = tarfile.LNKTYPE, text
            elif kind == "device":
                member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 1
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    "members",
    [
        (("../../../../{trap}", "file", "x"),),
        (("/{trap}", "file", "x"),),
        (("out", "symlink", "/{directory}"), ("out/trap", "file", "x")),
        (("out", "symlink", "../../../../../../{directory}"), ("out/trap", "file", "x")),
        (("out", "symlink", "/{trap}"), ("out", "file", "x")),
        (("hard", "hardlink", "../../../..{trap}"),),
        (("hard", "hardlink", "{trap}"), ("hard", "file", "x")),
        (("a/../../../../../../..{trap}", "file", "x"),),
        (("proc/self/root/{trap}", "file", "x"),),
    ],
)
def test_an_archive_cannot_write_outside(
    lab: Lab, users: str, trap: Path, members: tuple[tuple[str, str, str], ...], running: bool
) -> None:
    name = lab.up(users) if running else lab.make(users)
    archive = tar_of(
        *(
            (name.format(trap=trap, directory=trap.parent), kind, text.format(trap=trap, directory=trap.parent))
            for name, kind, text in members
        )
    )
    lab.daemon.ck("cp", "-", f"{name}:/", stdin=archive, check=False)
    assert trap.read_text() == "untouched"


@pytest.mark.parametrize(
    "path", ["/link", "/link/", "/deep/../link", "/proc/self/root/../../{trap}", "/../../../{trap}"]
)
def test_nothing_outside_can_be_copied_out(lab: Lab, users: str, trap: Path, tmp_path: Path, path: str) -> None:
    """CVE-2018-15664, CVE-2019-14271."""
    name = lab.up(users, "sh", "-c", f"mkdir /deep; ln -s {trap} /link; sleep 1000")
    target = tmp_path / "out"
    lab.daemon.ck("cp", "-L", f"{name}:{path.format(trap=trap)}", str(target), check=False)
    assert not target.exists() or target.is_symlink() or b"untouched" not in target.read_bytes()


@contextmanager
def swapping(directory: Path, trap: Path) -> Iterator[None]:
    """A name in *directory* is by turns a directory and a link to where *trap* is, as fast as can be."""
    real, link, name = directory / "real", directory / "link", directory / "name"
    (real / "sub").mkdir(parents=True)
    (real / "sub" / "file").write_text("inside")
    (link.with_name("ready")).touch()
    link.symlink_to(trap.parent)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for source in (real, link):
                try:
                    os.rename(source, name)
                except OSError:  # a directory that was made where none was just then
                    shutil.rmtree(name)
                else:
                    os.rename(name, source)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_volume_s_subpath_that_is_swapped_for_a_link(lab: Lab, users: str, trap: Path) -> None:
    """CVE-2017-1002101, CVE-2021-30465: between the look and the mount somebody puts a link there."""
    volume = lab.new_name()
    lab.ck("volume", "create", volume)
    top = Path(lab.ck("volume", "inspect", "-f", "{{.Mountpoint}}", volume).strip())
    (trap.parent / "sub").mkdir()
    (trap.parent / "sub" / "file").write_text("outside")
    mount = f"--mount type=volume,src={volume},dst=/m,volume-subpath=name/sub"
    seen = set()
    with swapping(top, trap):
        for _ in range(40):
            result = lab.run(f"{users} {mount}", "cat", "/m/file")
            seen.add(result.out)
            assert "outside" not in result.out
    assert seen <= {"", "inside"}


def test_a_mount_s_target_that_is_swapped_for_a_link(lab: Lab, users: str, trap: Path, tmp_path: Path) -> None:
    """The target lies in a volume that another container shares, and has a link put there."""
    shared = tmp_path / "shared"
    shared.mkdir()
    with swapping(shared, trap):
        for _ in range(20):
            lab.run(f"{users} -v {shared}:/s --tmpfs /s/name/sub", "true")
    assert sorted(path.name for path in trap.parent.iterdir() if path != shared) == ["trap"]
    assert str(trap.parent) not in Path("/proc/self/mountinfo").read_text()


def test_an_image_whose_mount_targets_are_links(lab: Lab, users: str, trap: Path) -> None:
    name = lab.make(f"{users} -v /data", "sh", "-c", "ls /data")
    for target in ("proc", "sys", "dev", "data", "etc/hosts"):
        lab.daemon.ck("cp", "-", f"{name}:/", stdin=tar_of((target, "symlink", str(trap.parent))), check=False)
    lab.daemon.ck("start", "-a", name, check=False)
    assert trap.read_text() == "untouched" and [path.name for path in trap.parent.iterdir()] == ["trap"]


def test_passwd_that_leads_outside(lab: Lab, users: str, trap: Path) -> None:
    """CVE-2019-18466 and its kin: what the engine reads of an image is the image's."""
    trap.write_text("evil:x:0:0::/:/bin/sh\n")
    name = lab.make(f"{users} --user evil", "id", "-u")
    lab.ck("cp", "-", f"{name}:/etc", stdin=tar_of(("passwd", "symlink", str(trap))))
    assert "unable to find user evil" in lab.fails("start", name)


@pytest.mark.parametrize(
    "config",
    [
        {"User": "0:0\nevil"},
        {"WorkingDir": "../../../../etc"},
        {"WorkingDir": "/proc/self/fd/5/../.."},
        {"Env": ["LD_PRELOAD=/evil.so", "=x"]},
        {"Entrypoint": ["/proc/1/root/bin/sh"]},
        {"Hostname": "../../x"},
        {"Volumes": {"../../etc": {}}},
        {"Volumes": {"/proc/../../../etc": {}}},
        {"StopSignal": "SIGKILL; rm"},
        {"ExposedPorts": {"99999999/tcp": {}}},
        {"Healthcheck": {"Test": ["CMD", "\0"]}},
    ],
)
def test_hostile_values(lab: Lab, trap: Path, config: dict[str, object]) -> None:
    """What cannot be is refused in one sentence; what can be harms nobody."""
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    name = lab.new_name()
    try:
        response = client._post_json(
            client._url("/containers/create"),
            data={"Image": lab.image, "Cmd": ["true"], **config},
            params={"name": name},
        )
        assert response.status_code in (201, 400, 500) and response.status_code != 500, response.text
        if response.status_code == 201:
            lab.daemon.ck("start", "-a", name, check=False)
    finally:
        client.close()
    assert trap.read_text() == "untouched"
    assert lab.ck("version")
