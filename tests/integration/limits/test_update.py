"""`ck update`: other limits for a container that runs, or that will."""

import json
import os
from pathlib import Path

import docker
import pytest

from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter, disk_of
from tests.support.census import settled

MIB = 1 << 20


def test_a_running_container_gets_other_limits(lab: Lab, meter: Meter) -> None:
    name = lab.up("-m 64m --memory-swap 64m --pids-limit 50")
    assert lab.ck("update", "-m", "256m", "--memory-swap", "512m", "--pids-limit", "9", name) == f"{name}\n"
    stats = meter.look(name)
    assert (stats["memory_stats"]["limit"], stats["pids_stats"]["limit"]) == (256 * MIB, 9)
    lab.ck("update", "-m", "32m", "--memory-swap", "32m", "--pids-limit", "0", name)
    stats = meter.look(name)
    assert (stats["memory_stats"]["limit"], stats["pids_stats"].get("limit")) == (32 * MIB, None)
    assert lab.inspect(name, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}") == f"{32 * MIB} {32 * MIB}"
    assert lab.events(name)[-2:] == ["update", "update"]


def test_the_new_limit_holds(lab: Lab) -> None:
    name = lab.up()
    lab.ck("update", "-m", "16m", name)
    lab.ck("exec", name, "sh", "-c", "tail /dev/zero; true")
    assert settled(lambda: "oom" in lab.events(name), True)


def test_a_cpuset_that_was_not_asked_for_at_the_start(lab: Lab) -> None:
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    name = lab.up()
    for each in (first, last):  # 0 among them, which is a CPU and not nothing
        lab.ck("update", "--cpuset-cpus", str(each), name)
        assert os.sched_getaffinity(int(lab.inspect(name, "{{.State.Pid}}"))) == {each}
    assert lab.ck("exec", name, "grep", "Cpus_allowed_list", "/proc/self/status").split()[1] == str(last)
    lab.ck("restart", "-t", "0", name)
    assert os.sched_getaffinity(int(lab.inspect(name, "{{.State.Pid}}"))) == {last}


def test_a_stopped_container_starts_with_them(lab: Lab) -> None:
    name = lab.make("", "sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true")
    lab.ck("update", "--pids-limit", "7", name)
    assert lab.ck("start", "-a", name) == "7\n"


def test_the_restart_policy(lab: Lab) -> None:
    name = lab.up()
    lab.ck("update", "--restart", "on-failure:3", name)
    shown = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
    assert lab.inspect(name, shown) == "on-failure 3"
    gone = lab.new_name()
    lab.ck("run", "-d", "--rm", "--name", gone, lab.image, "sleep", "1000")
    assert "cannot be updated: it is removed" in lab.fails("update", "--restart", "always", gone)


def test_what_the_kernel_refuses_changes_nothing(lab: Lab, meter: Meter) -> None:
    name = lab.up("-m 256m --memory-swap 256m", "sh", "-c", "dd if=/dev/zero of=/dev/shm/f bs=1M count=40; sleep 1000")
    meter.until(name, lambda stats: stats["memory_stats"]["usage"] >= 40 * MIB)
    said = lab.fails("update", "-m", "16m", "--memory-swap", "16m", "--pids-limit", "5", name)
    assert "memory" in said and ("uses more already" in said or "below the" in said)
    stats = meter.look(name)
    assert (stats["memory_stats"]["limit"], stats["pids_stats"].get("limit")) == (256 * MIB, None)
    assert lab.inspect(name, "{{.HostConfig.Memory}}") == str(256 * MIB)


def test_the_rate_of_a_disk(lab: Lab) -> None:
    """One that is not named keeps its own; 0 takes it back."""
    disk = disk_of(lab.daemon.data_root)
    other = another_disk(disk)
    name = lab.up(f"--device-write-bps {disk}:2mb --device-write-bps {other}:3mb")
    lab.ck("update", "--device-write-bps", f"{disk}:1mb", name)
    assert rates(lab, name) == {disk: MIB, other: 3 * MIB}
    lab.ck("update", "--device-write-bps", f"{disk}:0", "--device-read-iops", f"{disk}:9", name)
    assert rates(lab, name) == {other: 3 * MIB}
    said = lab.fails("update", "--device-write-bps", f"{other}:0", "--memory", "8m", "--memory-swap", "7m", name)
    assert "memoryswap" in said
    assert rates(lab, name) == {other: 3 * MIB}
    lab.ck("restart", "-t", "0", name)
    assert rates(lab, name) == {other: 3 * MIB}


def rates(lab: Lab, name: str) -> dict[str, int]:
    """What the kernel holds *name*'s writes to, bytes a second by device; the record says the same."""
    pid = lab.inspect(name, "{{.State.Pid}}")
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    found = {}
    if "blkio" in groups:
        text = Path(f"/sys/fs/cgroup/blkio{groups['blkio']}/blkio.throttle.write_bps_device").read_text()
        for line in text.splitlines():
            device, rate = line.split()
            found[device] = int(rate)
    else:
        for line in Path(f"/sys/fs/cgroup{groups['']}/io.max").read_text().splitlines():
            device, *limits = line.split()
            rate = dict(each.split("=") for each in limits)["wbps"]
            if rate != "max":
                found[device] = int(rate)
    named = {Path(f"/sys/dev/block/{device}").resolve().name: rate for device, rate in found.items()}
    told = json.loads(lab.inspect(name, "{{json .HostConfig.BlkioDeviceWriteBps}}"))
    assert {Path(each["Path"]).name: each["Rate"] for each in told} == named
    return {f"/dev/{each}": rate for each, rate in named.items()}


def another_disk(disk: str) -> str:
    """A block device beside *disk*, whether it is in use or not."""
    return next(f"/dev/{each.name}" for each in sorted(Path("/sys/block").iterdir()) if each.name not in disk)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("-m", "1m"), "6MB"),
        (("--blkio-weight", "0"), "--blkio-weight 0 changes nothing"),
        (("--cpus", "0.0"), "--cpus 0.0 changes nothing"),
        (("--cpuset-cpus", ""), "--cpuset-cpus '' changes nothing"),
        (("--cpuset-cpus", "88"), "requested 88"),
        (("--cpus", "0.5", "--cpu-quota", "5000"), "NanoCPUs and CPU quota"),
        (("--cpu-shares", "999999999"), "maximum allowed cpu-shares is 262144, not 999999999"),
        (("--memory", "x"), "invalid size: 'x'"),
        ((), "you must provide one or more flags"),
        (("--restart", "sometimes"), "sometimes"),
    ],
)
def test_bad_updates(lab: Lab, options: tuple[str, ...], sentence: str) -> None:
    name = lab.up()
    result = lab.daemon.ck("update", *options, name, check=False)
    assert result.code in (1, 125) and sentence in result.err, result


def test_docker_py(lab: Lab) -> None:
    name = lab.up()
    client = docker.APIClient(base_url=f"unix://{lab.daemon.socket}")
    try:
        assert client.update_container(name, mem_limit="64m", cpu_shares=512) == {"Warnings": []}
        with pytest.raises(docker.errors.APIError, match="6MB"):
            client.update_container(name, mem_limit="1m")
        with pytest.raises(docker.errors.NotFound):
            client.update_container("no-such-container", mem_limit="64m")
    finally:
        client.close()
    assert lab.inspect(name, "{{.HostConfig.CpuShares}}") == "512"
