"""What a program finds of files: mounts, devices, protected paths, and no way out."""

import os
import stat
from pathlib import Path

import pytest

from tests.integration.runtime_init.outcome import Runner, SpecOf


def bind(source: str | Path, destination: str, *options: str) -> dict[str, object]:
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["rbind", *options]}


def mount_options(mounts: str, target: str) -> list[str]:
    """Of the topmost mount at *target*, from the lines of /proc/mounts."""
    return [line.split()[3] for line in mounts.splitlines() if line.split()[1] == target][-1].split(",")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    directory = tmp_path / "shared"
    directory.mkdir()
    (directory / "file").write_text("of the host\n")
    return directory


def test_nothing_of_the_host_is_left(run: Runner, spec_of: SpecOf) -> None:
    mounts = run(spec_of("cat", "/proc/mounts")).stdout
    assert {line.split()[2] for line in mounts.splitlines()} <= {
        "overlay",
        "proc",
        "tmpfs",
        "devpts",
        "sysfs",
        "cgroup",
        "cgroup2",
        "mqueue",
        "devtmpfs",
    }
    devtmpfs = [line.split()[1] for line in mounts.splitlines() if line.split()[2] == "devtmpfs"]
    assert all(target.startswith("/proc/") for target in devtmpfs)  # masks only


def test_a_bind_as_root(run: Runner, spec_of: SpecOf, image: Path) -> None:
    spec = spec_of("sh", "-c", "ls /; touch /x")
    spec["root"]["readonly"] = True
    for name in ("dev", "sys"):
        (image / name).mkdir(exist_ok=True)
    outcome = run(spec, overlay=False)
    assert "bad-script" in outcome.stdout
    assert "Read-only file system" in outcome.stderr


def test_a_read_only_root_leaves_its_mounts_writable(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("sh", "-c", "touch /x; touch /dev/shm/x && echo fine")
    spec["root"]["readonly"] = True
    outcome = run(spec)
    assert "Read-only file system" in outcome.stderr
    assert outcome.stdout == "fine\n"


def test_devices(run: Runner, spec_of: SpecOf) -> None:
    script = (
        "stat -c '%n %F %t:%T %a' /dev/null /dev/zero /dev/full /dev/tty /dev/random /dev/urandom;"
        "for link in fd stdin ptmx; do readlink /dev/$link; done; head -c 1 /dev/urandom >/dev/null && echo works"
    )
    lines = run(spec_of("sh", "-c", script)).stdout.splitlines()
    nodes = [os.stat(f"/dev/{name}").st_rdev for name in ("null", "zero", "full", "tty", "random", "urandom")]
    numbers = [f"{os.major(node):x}:{os.minor(node):x}" for node in nodes]
    assert [line.split()[-2] for line in lines[:6]] == numbers
    assert all(line.endswith("666") for line in lines[:6])
    assert lines[6:] == ["/proc/self/fd", "/proc/self/fd/0", "pts/ptmx", "works"]


def test_a_further_device_and_the_rules_for_devices(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of(
        "sh", "-c", "stat -c '%t:%T %a' /dev/mine; cat /dev/mine; mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg"
    )
    spec["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640}]
    outcome = run(spec)
    assert outcome.stdout == "1:3 640\n"
    assert "/tmp/kmsg: Operation not permitted" in outcome.stderr


def test_masked_and_read_only_paths(run: Runner, spec_of: SpecOf) -> None:
    script = "cat /proc/kcore /proc/keys; ls /sys/firmware /proc/acpi; echo 1 > /proc/sys/vm/drop_caches"
    outcome = run(spec_of("sh", "-c", script))
    assert outcome.stdout.split() == ["/proc/acpi:", "/sys/firmware:"]
    assert "drop_caches: Read-only file system" in outcome.stderr


@pytest.mark.parametrize("link", ["/proc/self/root/etc", "../../../../../../../../etc", "/etc"])
def test_a_mount_target_cannot_escape_by_a_symlink(
    run: Runner, spec_of: SpecOf, image: Path, shared: Path, link: str, request: pytest.FixtureRequest
) -> None:
    trap = image / "trap"
    trap.symlink_to(link)
    request.addfinalizer(trap.unlink)
    before = set(os.listdir("/etc"))
    spec = spec_of("cat", "/etc/ck-probe/file")
    spec["mounts"].append(bind(shared, "/trap/ck-probe", "ro"))
    outcome = run(spec)
    assert set(os.listdir("/etc")) == before
    if outcome.failure:
        assert "cannot mount" in outcome.failure["message"]
    else:
        assert outcome.stdout == "of the host\n"


def test_a_dangling_symlink_as_target_is_made_inside(
    run: Runner, spec_of: SpecOf, image: Path, shared: Path, request: pytest.FixtureRequest
) -> None:
    trap = image / "dangling"
    trap.symlink_to("/nowhere/yet")
    request.addfinalizer(trap.unlink)
    spec = spec_of("cat", "/nowhere/yet/file")
    spec["mounts"].append(bind(shared, "/dangling"))
    assert run(spec).stdout == "of the host\n"
    assert not os.path.exists("/nowhere")


def test_an_endless_symlink_is_a_sentence(
    run: Runner, spec_of: SpecOf, image: Path, shared: Path, request: pytest.FixtureRequest
) -> None:
    trap = image / "endless"
    trap.symlink_to("endless")
    request.addfinalizer(trap.unlink)
    spec = spec_of("true")
    spec["mounts"].append(bind(shared, "/endless/x"))
    message = run(spec).failed["message"]
    assert message == f'cannot mount "{shared}" at "/endless/x" in the container: too many levels of symbolic links'


def test_binds_of_files_and_directories(run: Runner, spec_of: SpecOf, shared: Path) -> None:
    spec = spec_of("sh", "-c", "cat /etc/hosts; touch /data/new; touch /etc/hosts && cat /proc/mounts")
    spec["mounts"] += [bind(shared / "file", "/etc/hosts", "ro"), bind(shared, "/data", "nosuid", "nodev", "noexec")]
    outcome = run(spec)
    assert outcome.stdout == "of the host\n"
    assert "Read-only file system" in outcome.stderr
    assert (shared / "new").exists()


def test_recursively_read_only(run: Runner, spec_of: SpecOf, tmp_path: Path, shared: Path) -> None:
    """The mounts below a bind come along, and `rro` reaches them."""
    spec = spec_of("sh", "-c", "ls /data; touch /data/dev/shm/x")
    spec["mounts"].append(bind("/", "/data", "rro", "rprivate"))
    outcome = run(spec)
    assert "dev" in outcome.stdout.split()
    assert "Read-only file system" in outcome.stderr


def test_propagation(run: Runner, spec_of: SpecOf, shared: Path) -> None:
    spec = spec_of("cat", "/proc/self/mountinfo")
    spec["mounts"] += [
        bind(shared, "/private", "rprivate"),
        bind(shared, "/shared", "shared"),
        bind(shared, "/stuck", "unbindable"),
    ]
    optional = {line.split()[4]: line.split()[6] for line in run(spec).stdout.splitlines()}
    assert optional["/private"] == "-"
    assert optional["/shared"].startswith("shared:")
    assert optional["/stuck"] == "unbindable"


@pytest.mark.parametrize("propagation", ["private", "rprivate", "slave", "rslave", "shared", "rshared"])
def test_propagation_of_the_root(run: Runner, spec_of: SpecOf, tmp_path: Path, shared: Path, propagation: str) -> None:
    """Whatever it is, no mount of the container appears on the host."""
    spec = spec_of("cat", "/proc/self/mountinfo")
    spec["linux"]["rootfsPropagation"] = propagation
    spec["mounts"].append(bind(shared, "/data", propagation))
    outcome = run(spec)
    assert outcome.failure is None
    fields = {line.split()[4]: line.split()[6] for line in outcome.stdout.splitlines()}
    assert all(fields[target].startswith("shared:") == ("shared" in propagation) for target in ("/", "/data"))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_a_missing_source_is_a_sentence(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("true")
    spec["mounts"].append(bind("/nosuch/source", "/data"))
    failure = run(spec).failed
    assert failure["message"] == 'cannot mount "/nosuch/source" at "/data" in the container: no such file or directory'
    assert failure["step"] == "mounts"
    assert failure["exit_code"] == 125


def test_tmpfs_options(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("cat", "/proc/mounts")
    spec["mounts"].append(
        {
            "destination": "/scratch",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["noexec", "size=1m", "mode=700", "ro"],
        }
    )
    options = mount_options(run(spec).stdout, "/scratch")
    assert {"noexec", "size=1024k", "mode=700", "ro"} <= set(options)


def test_the_images_own_device_nodes_are_replaced(
    run: Runner, spec_of: SpecOf, image: Path, request: pytest.FixtureRequest
) -> None:
    """Without a tmpfs on /dev, what the image put there must not stand in for a device."""
    (image / "dev").mkdir(exist_ok=True)
    (image / "dev/null").write_text("a trap")
    request.addfinalizer((image / "dev/null").unlink)
    spec = spec_of("stat", "-c", "%F", "/dev/null")
    spec["mounts"] = [mount for mount in spec["mounts"] if not mount["destination"].startswith("/dev")]
    assert run(spec).stdout.strip() == "character special file"
    assert stat.S_ISREG((image / "dev/null").stat().st_mode)


def test_the_cgroup_tree_shows_the_container_alone(run: Runner, spec_of: SpecOf) -> None:
    outcome = run(spec_of("sh", "-c", "cat /sys/fs/cgroup/unified/cgroup.procs; mkdir /sys/fs/cgroup/pids/x"))
    assert outcome.stdout.split()[0] == "1"
    assert "Read-only file system" in outcome.stderr
