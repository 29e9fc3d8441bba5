"""`-m` and what goes with it: who takes more is killed, and that is told."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from ck.kernel.linux.cgroup import Mode, detect
from tests.integration.engine.lab import Lab
from tests.integration.limits.meter import Meter
from tests.support.census import settled

V2 = detect().mode is Mode.V2
MIB = 1 << 20


def test_who_takes_too_much_is_killed_and_told_of(lab: Lab) -> None:
    name = lab.up("-m 16m", "tail", "/dev/zero")
    assert lab.ck("wait", name) == "137\n"
    assert lab.inspect(name, "{{.State.OOMKilled}} {{.State.OOMLimit}}") == "true own"
    assert lab.events(name) == ["create", "start", "oom", "die"]
    assert "It ran out of its memory limit of 16 MiB" in lab.ck("why", name)


def test_a_child_that_is_killed_is_told_of_while_the_container_runs_on(lab: Lab) -> None:
    name = lab.up("-m 16m", "sh", "-c", "tail /dev/zero; echo survived; sleep 1000")
    with lab.popen("logs", "-f", name) as logs:
        assert logs.stdout is not None
        while b"survived" not in logs.stdout.readline():
            continue
        logs.kill()
    assert settled(lambda: "oom" in lab.events(name), True)
    assert lab.inspect(name, "{{.State.Status}} {{.State.OOMKilled}}") == "running true"


@pytest.mark.skipif(not V2, reason="memory.oom.group is cgroup v2's")
def test_a_group_is_killed_whole(lab: Lab) -> None:
    name = lab.up("-m 16m --oom-kill-group", "sh", "-c", "tail /dev/zero; echo survived; sleep 1000")
    assert lab.ck("wait", name) == "137\n"
    assert lab.ck("logs", name) == ""


def test_what_stays_below_lives(lab: Lab, meter: Meter) -> None:
    script = "dd if=/dev/zero of=/dev/shm/f bs=1M count=24; echo done; sleep 1000"
    name = lab.up("-m 48m --memory-swap 48m", "sh", "-c", script)
    stats = meter.until(name, lambda stats: stats["memory_stats"]["usage"] >= 24 * MIB)
    assert stats["memory_stats"]["limit"] == 48 * MIB
    assert lab.inspect(name, "{{.State.OOMKilled}}") == "false"


def test_memory_of_a_tmpfs_is_the_container_s(lab: Lab) -> None:
    result = lab.run(
        "-m 16m --memory-swap 16m --tmpfs /t:size=64m", "dd", "if=/dev/zero", "of=/t/f", "bs=1M", "count=64"
    )
    assert result.code == 137


def test_shm_size(lab: Lab) -> None:
    script = "dd if=/dev/zero of=/dev/shm/f bs=1M count=9 2>&1 | grep -c 'No space'; stat -c %s /dev/shm/f"
    assert lab.out("--shm-size 8m", script).split() == ["1", str(8 * MIB)]
    for mode in ("none", "host"):
        made = lab.daemon.ck("create", "--name", lab.new_name(), "--shm-size", "8m", "--ipc", mode, lab.image)
        assert f"The size of /dev/shm, {8 * MIB}, is discarded when using the IPC mode {mode}" in made.err


@pytest.mark.skipif(V2, reason="cgroup v2 cannot turn the OOM killer off")
def test_without_a_killer_the_program_waits(lab: Lab) -> None:
    # In its own memory: a system call that finds none fails instead.
    grow = "a=0123456789; while :; do a=$a$a; done"
    name = lab.up("-m 16m --memory-swap 16m --oom-kill-disable", "sh", "-c", grow)
    group = f"{detect().v1['memory']}/ck/{lab.inspect(name, '{{.Id}}')}"

    def starves() -> bool:
        with open(f"{group}/memory.oom_control") as file:
            return "under_oom 1" in file.read()

    assert settled(starves, True)
    assert lab.inspect(name, "{{.State.Status}} {{.State.OOMKilled}}") == "running false"


def test_limits_that_this_kernel_lacks_are_told(lab: Lab) -> None:
    lacking = "--memory-swappiness 10 --oom-kill-disable -m 16m" if V2 else "--oom-kill-group"
    result = lab.run(lacking, "true")
    assert result.code == 0
    assert result.err.count("is not enforced: this kernel has no memory.") == (2 if V2 else 1)


def test_swap_is_twice_the_memory_unless_said_otherwise(lab: Lab) -> None:
    name = lab.make("-m 32m")
    assert lab.inspect(name, "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}") == f"{32 * MIB} {64 * MIB}"


@pytest.fixture
def swap() -> Iterator[None]:
    """128 MiB of swap for this machine, as long as the test runs."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        for _ in range(128):
            file.write(bytes(MIB))  # a file with holes is refused
        file.flush()
        os.fsync(file.fileno())
        for command in ("mkswap", "swapon"):
            subprocess.run([command, file.name], check=True, capture_output=True)
        yield
        subprocess.run(["swapoff", file.name], check=True)


@pytest.mark.skipif(not V2, reason="swap is the whole machine's: only where a virtual machine is the test's own")
@pytest.mark.parametrize(("swap_limit", "size", "code"), [("64m", 40, 0), ("64m", 100, 137), ("16m", 40, 137)])
@pytest.mark.usefixtures("swap")
def test_swap_beyond_the_memory(lab: Lab, swap_limit: str, size: int, code: int) -> None:
    options = f"-m 16m --memory-swap {swap_limit} --shm-size 200m"
    result = lab.run(options, "dd", "if=/dev/zero", "of=/dev/shm/f", "bs=1M", f"count={size}")
    assert result.code == code, result


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("-m 4m", "minimum memory limit allowed is 6MB"),
        ("--memory-swap 64m", "you should always set the memory limit"),
        ("-m 64m --memory-swap 32m", "33554432 is below 67108864"),
        ("-m 64m --memory-reservation 65m", "67108864 is below 68157440"),
        ("--memory-swappiness 101", "0-100, not 101"),
        ("-m much", 'invalid argument "much" for "-m, --memory" flag'),
        ("--oom-score-adj 1001", "-1000 to 1000, not 1001"),
        ("--shm-size=-1", "-1"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


def test_oom_score(lab: Lab) -> None:
    assert lab.out("--oom-score-adj 321", "cat /proc/self/oom_score_adj") == "321\n"


def test_an_event_of_an_oom_that_nobody_saw_is_not_told_twice(own_lab: Lab) -> None:
    name = own_lab.up("-m 16m", "sh", "-c", "tail /dev/zero; sleep 1000")
    assert settled(lambda: "oom" in own_lab.events(name), True)
    own_lab.daemon.kill9()
    own_lab.daemon.start()
    assert own_lab.events(name).count("oom") == 1
    shown = json.loads(own_lab.ck("inspect", name))[0]["State"]
    assert (shown["Status"], shown["OOMKilled"]) == ("running", True)
