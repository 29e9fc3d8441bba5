"""`--userns auto`: root inside is nobody outside, and no file tells the difference."""

import io
import json
import os
import re
import tarfile
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab

FIRST = 0x4000_0000


def uid_of(lab: Lab, name: str) -> int:
    return Path(f"/proc/{lab.inspect(name, '{{.State.Pid}}')}").stat().st_uid


def test_root_inside_is_nobody_outside(lab: Lab) -> None:
    one, two = lab.up("--userns auto"), lab.up("--userns auto")
    assert uid_of(lab, one) >= FIRST and uid_of(lab, two) >= FIRST
    assert abs(uid_of(lab, one) - uid_of(lab, two)) >= 65536
    shown = lab.ck("exec", one, "cat", "/proc/self/uid_map").splitlines()
    assert re.fullmatch(rf"\s+0\s+{uid_of(lab, one)}\s+65536", shown[0])
    assert re.fullmatch(rf"\s+65536\s+{2**31 + 65536}\s+{2**31 - 1 - 65536}", shown[1])
    users = {"First": uid_of(lab, one), "Size": 65536, "Others": 2**31}
    assert json.loads(lab.inspect(one, "{{json .Users}}")) == users
    assert lab.inspect(lab.make("--userns host"), "{{json .Users}}") == "null"
    assert lab.out("--userns host", "cat /proc/self/uid_map").split() == ["0", "0", "4294967295"]


def test_info_tells_whether_containers_have_users_of_their_own(lab: Lab) -> None:
    told = "name=userns" in lab.ck("info", "-f", "{{json .SecurityOptions}}")
    assert told == (uid_of(lab, lab.up()) >= FIRST)
    assert told != ("have the host's users" in lab.ck("info", "-f", "{{json .Warnings}}"))


def test_files_are_the_container_s_own_inside_and_on_disk(lab: Lab) -> None:
    name = lab.up("--userns auto", "sh", "-c", "touch /new; chown 33:33 /new; touch /bin/x; mkfifo /p; sleep 1000")
    shown = lab.ck("exec", name, "stat", "-c", "%u:%g %n", "/", "/bin", "/etc/passwd", "/new", "/bin/x", "/etc/hosts")
    assert shown.split()[::2] == ["0:0", "0:0", "0:0", "33:33", "0:0", "0:0"]
    upper = lab.daemon.storage / "containers" / lab.inspect(name, "{{.Id}}") / "upper"
    if upper.exists():  # else another storage driver
        assert ((upper / "new").stat().st_uid, (upper / "bin/x").stat().st_uid) == (33, 0)


def test_devices_and_streams_are_the_user_s(lab: Lab) -> None:
    script = "echo x >/dev/stdout; echo y >/dev/null; head -c1 /dev/urandom | wc -c; stat -c %u:%g /dev/null /dev/shm"
    assert lab.out("--userns auto --user www-data", script).split() == ["x", "1", "0:0", "0:0"]


def test_sessions_are_in_it_too(lab: Lab) -> None:
    name = lab.up("--userns auto --user www-data")
    assert lab.ck("exec", name, "sh", "-c", "id -u; touch /tmp/a; stat -c %u /tmp/a").split() == ["33", "33"]
    assert lab.ck("exec", "-u", "0", name, "sh", "-c", "id -u; stat -c %u /tmp/a").split() == ["0", "33"]


def test_volumes_are_shared_by_containers_with_different_users(lab: Lab) -> None:
    volume = lab.new_name()
    write = "touch /v/f; chown 33:33 /v/f; chmod 600 /v/f"
    lab.out(f"--userns auto -v {volume}:/v", write)
    keep = lab.up("--userns auto")  # has the range that the first one had, so that the next has another
    for mode in ("auto", "host"):
        assert lab.out(f"--userns {mode} -v {volume}:/v", "stat -c %u:%g /v /v/f").split() == ["0:0", "33:33"]
    lab.ck("rm", "-f", keep)


def test_a_directory_of_the_host_keeps_its_owners(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "of-33").touch()
    os.chown(tmp_path / "of-33", 33, 33)
    script = "stat -c %u /m /m/of-33; touch /m/new; mkdir /m/d; chown 1000 /m/d"
    assert lab.out(f"--userns auto -v {tmp_path}:/m", script).split() == ["0", "33"]
    assert [(tmp_path / name).stat().st_uid for name in ("new", "d")] == [0, 1000]


@pytest.mark.parametrize("option", ["-v {0}:/m:idmap", "--mount type=bind,src={0},dst=/m,idmap"])
@pytest.mark.parametrize("mode", ["auto", "host"])
def test_what_root_makes_belongs_to_the_owner_of_the_directory(
    lab: Lab, tmp_path: Path, mode: str, option: str
) -> None:
    os.chown(tmp_path, 1234, 2345)
    (tmp_path / "of-root").touch()
    script = "stat -c %u:%g /m /m/of-root; touch /m/new; touch /m/other; chown 33:33 /m/other; rm -f /m/of-root || true"
    assert lab.out(f"--userns {mode} {option.format(tmp_path)}", script).split() == ["0:0", "65534:65534"]
    owners = [
        ((tmp_path / name).stat().st_uid, (tmp_path / name).stat().st_gid) for name in ("new", "other", "of-root")
    ]
    assert owners == [(1234, 2345), (33, 33), (0, 0)]


def test_a_mount_that_cannot_be_mapped_says_so(lab: Lab) -> None:
    process = f"/proc/{lab.inspect(lab.up('--userns auto'), '{{.State.Pid}}')}"  # not root's
    lab.refused(f"--userns auto -v {process}:/m:idmap", "its file system cannot show other owners than those on disk")
    assert lab.out("--userns auto -v /proc:/m", "stat -c %u /m/version") == "65534\n"
    lab.refused("-v some:/m:idmap", "invalid mode 'idmap'")


def archive(*members: tuple[str, int, int]) -> bytes:
    """A tar of empty files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, uid, gid in members:
            member = tarfile.TarInfo(name)
            member.uid, member.gid = uid, gid
            tar.addfile(member)
    return stream.getvalue()


def test_copies_into_and_out_of_it(lab: Lab, tmp_path: Path) -> None:
    """An archive holds the container's own IDs, whether it runs or not."""
    name = lab.up("--userns auto")
    lab.ck("exec", name, "mkdir", "/tree")
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        for state in ("running", "stopped"):
            assert client.put_archive(name, "/tree", archive((state, 33, 34), (f"{state}-of-root", 0, 0)))
            with tarfile.open(fileobj=io.BytesIO(b"".join(client.get_archive(name, "/tree")[0]))) as tar:
                owners = {each.name: (each.uid, each.gid) for each in tar}
            assert owners["tree"] == (0, 0)
            assert owners[f"tree/{state}"] == (33, 34) and owners[f"tree/{state}-of-root"] == (0, 0)
            lab.ck("cp", "-a", f"{name}:/tree", str(tmp_path / state))
            assert (tmp_path / state / state).stat().st_uid == 33
            if state == "running":
                lab.ck("stop", "-t", "0", name)
    finally:
        client.close()
    lab.ck("start", name)
    for state in ("running", "stopped"):
        shown = lab.ck("exec", name, "stat", "-c", "%u:%g", f"/tree/{state}", f"/tree/{state}-of-root")
        assert shown.split() == ["33:34", "0:0"]


def test_the_engine_s_threads_are_root_again_after_a_copy(lab: Lab, tmp_path: Path) -> None:
    name = lab.up("--userns auto")
    (tmp_path / "f").touch()
    for _ in range(5):
        lab.ck("cp", str(tmp_path / "f"), f"{name}:/")
    for task in Path(f"/proc/{lab.daemon.pid}/task").iterdir():
        status = (task / "status").read_text()
        assert re.search(r"^Uid:(\s+0){4}$", status, re.M), status
        assert int(re.search(r"^CapEff:\s+(\w+)$", status, re.M)[1], 16) == int(  # type: ignore[index]
            re.search(r"^CapPrm:\s+(\w+)$", status, re.M)[1],  # type: ignore[index]
            16,
        )


def test_it_can_be_started_again_and_survives_the_engine(own_lab: Lab) -> None:
    name = own_lab.up("--userns auto", "sh", "-c", "echo once >>/count; sleep 1000")
    before = uid_of(own_lab, name)
    own_lab.daemon.kill9()
    own_lab.daemon.start()
    assert own_lab.ck("exec", name, "id", "-u") == "0\n"
    own_lab.ck("restart", "-t", "0", name)
    assert uid_of(own_lab, name) == before
    assert own_lab.ck("exec", name, "cat", "/count").split() == ["once", "once"]


def test_who_shares_a_namespace_shares_the_users(lab: Lab) -> None:
    name = lab.up("--userns auto --ipc shareable")
    mapped = lab.ck("exec", name, "cat", "/proc/self/uid_map")
    for option in ("--network", "--pid", "--ipc"):
        assert lab.out(f"{option} container:{name}", "cat /proc/self/uid_map") == mapped
    assert "who shares a namespace with it must too" in lab.run(f"--userns host --pid container:{name}", "true").err
    plain = lab.up("--userns host")
    assert "has the host's users" in lab.run(f"--userns auto --pid container:{plain}", "true").err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--userns auto --privileged", "--privileged cannot be had with --userns auto"),
        ("--userns auto --network host", "--network host cannot be had"),
        ("--userns auto --pid host", "--pid host cannot be had"),
        ("--userns auto --cap-add SYS_ADMIN", "--cap-add SYS_ADMIN cannot be had"),
        ("--userns keep-id", "invalid user namespace mode 'keep-id'"),
        ("--userns auto --user 3000000000", "3000000000"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


def test_raw_sockets_of_its_own_network(lab: Lab) -> None:
    assert lab.out("--userns auto --network none", "ping -c 1 127.0.0.1 | grep -c 'bytes from'") == "1\n"


def test_a_file_that_no_user_inside_has_is_nobody_s(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 3_000_000_000, 3_000_000_000)
    assert lab.out(f"--userns auto -v {tmp_path}:/m", "stat -c %u /m/f") == "65534\n"


def test_ids_of_directory_services(lab: Lab, tmp_path: Path) -> None:
    """Those beyond its range it has too, and they are not the host's either."""
    high, highest = 1_000_650_000, 2**31 - 2
    os.chown(tmp_path, high, high)
    (tmp_path / "f").touch(mode=0o600)
    os.chown(tmp_path / "f", high, high)
    name = lab.up(f"--userns auto -u {high}:70000 --group-add 100000 -v {tmp_path}:/m")
    assert uid_of(lab, name) == high + 2**31
    script = (
        f"id -u; id -g; stat -c %u:%g /m/f; touch /m/new /tmp/mine; cp -p /m/f /tmp/f; stat -c %u /tmp/f; echo {high}"
    )
    assert lab.ck("exec", name, "sh", "-c", script).split() == [
        str(high),
        "70000",
        f"{high}:{high}",
        str(high),
        str(high),
    ]
    assert "100000" in lab.ck("exec", name, "id", "-G").split()
    assert ((tmp_path / "new").stat().st_uid, (tmp_path / "new").stat().st_gid) == (high, 70000)
    lab.ck("exec", "-u", "0", name, "sh", "-c", f"cat /m/f; touch /as-root; chown {highest}:65536 /as-root")
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        for _ in range(2):
            assert client.put_archive(name, "/", archive(("put", 70001, highest)))
            for path, owner in (
                ("/as-root", (highest, 65536)),
                ("/put", (70001, highest)),
                ("/tmp/mine", (high, 70000)),
            ):
                with tarfile.open(fileobj=io.BytesIO(b"".join(client.get_archive(name, path)[0]))) as tar:
                    assert [(each.uid, each.gid) for each in tar] == [owner], path
            lab.ck("stop", "-t", "0", name)
    finally:
        client.close()
    lab.ck("start", name)
    shown = lab.ck("exec", name, "stat", "-c", "%u:%g", "/as-root", "/put", "/tmp/mine").split()
    assert shown == [f"{highest}:65536", f"70001:{highest}", f"{high}:70000"]
