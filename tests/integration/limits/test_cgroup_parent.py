"""`--cgroup-parent`: a container below another group, and within its limits."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ck.kernel.linux.cgroup import Mode, detect
from tests.integration.engine.lab import Lab
from tests.support.census import settled

LAYOUT = detect()


def groups_of(pid: str) -> dict[str, str]:
    """By controllers."""
    lines = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    return {controllers: path for _, controllers, path in lines}


def test_it_is_made_and_goes_with_the_last_container(lab: Lab) -> None:
    parent = f"ck-test-{uuid.uuid4().hex[:8]}/inner"
    name = lab.up(f"--cgroup-parent /{parent} -m 64m --cpuset-cpus 0")
    pid, container_id = lab.inspect(name, "{{.State.Pid}} {{.Id}}").split()
    assert groups_of(pid)[""] == f"/{parent}/{container_id}"
    assert lab.ck("exec", name, "true") == ""
    lab.ck("pause", name)
    lab.ck("unpause", name)
    lab.ck("update", "-m", "128m", "--memory-swap", "128m", name)
    assert lab.ck("stats", "--no-stream", "--format", "{{.MemUsage}}", name).endswith("128MiB\n")
    lab.ck("rm", "-f", name)
    assert not [top for top in LAYOUT.tops if os.path.exists(f"{top}/{parent.partition('/')[0]}")]


@pytest.mark.skipif(LAYOUT.mode is Mode.V2, reason="with v2 a group is below its parent in everything")
def test_the_cpus_of_the_parent_hold(lab: Lab) -> None:
    """Also for a container that asks for none itself."""
    top, cpu = Path(LAYOUT.v1["cpuset"]), str(max(os.sched_getaffinity(0)))
    parent = top / f"ck-test-{uuid.uuid4().hex[:8]}"
    parent.mkdir()
    try:
        (parent / "cpuset.mems").write_text((top / "cpuset.mems").read_text())
        (parent / "cpuset.cpus").write_text(cpu)
        name = lab.up(f"--cgroup-parent /{parent.name}")
        assert os.sched_getaffinity(int(lab.inspect(name, "{{.State.Pid}}"))) == {int(cpu)}
        lab.ck("rm", "-f", name)
    finally:
        if parent.exists():  # the engine takes an empty one away with the last container
            parent.rmdir()


def test_an_engine_finds_it_again(own_lab: Lab) -> None:
    parent = f"ck-test-{uuid.uuid4().hex[:8]}"
    name = own_lab.up(f"--cgroup-parent {parent}")
    own_lab.daemon.kill9()
    own_lab.daemon.start()
    assert own_lab.ck("exec", name, "echo", "hi") == "hi\n"
    assert own_lab.ck("doctor") == "Nothing is wrong.\n"
    own_lab.ck("rm", "-f", name)
    assert not os.path.exists(f"{LAYOUT.unified}/{parent}")


@pytest.fixture
def above() -> Iterator[str]:
    """A group of somebody else's, with a limit of memory."""
    name = f"ck-test-{uuid.uuid4().hex[:8]}"
    tops = LAYOUT.tops
    for top in tops:
        os.mkdir(f"{top}/{name}")
    file = "memory.limit_in_bytes" if "memory" in LAYOUT.v1 else "memory.max"
    Path(LAYOUT.directory("memory", name), file).write_text(str(24 << 20))
    yield name
    for top in tops:
        os.rmdir(f"{top}/{name}")  # which is still there: it is not the engine's to remove


def test_whose_limit_it_was(lab: Lab, above: str) -> None:
    name = lab.up(f"--cgroup-parent {above}", "tail", "/dev/zero")
    assert lab.ck("wait", name) == "137\n"
    assert lab.inspect(name, "{{.State.OOMKilled}} {{.State.OOMLimit}}") == f"true {above}"
    assert f"the memory limit of the control group {above}" in lab.ck("why", name)
    assert settled(lambda: lab.events(name), ["create", "start", "oom", "die"]) == ["create", "start", "oom", "die"]


def test_a_limit_that_was_reached_once_is_not_blamed_again(lab: Lab, above: str) -> None:
    inner = f"{above}/inner"
    for top in LAYOUT.tops:
        os.mkdir(f"{top}/{inner}")
    try:
        file = "memory.limit_in_bytes" if "memory" in LAYOUT.v1 else "memory.max"
        limit = Path(LAYOUT.directory("memory", inner), file)
        for value, culprit in ((str(12 << 20), inner), ("-1" if "memory" in LAYOUT.v1 else "max", above)):
            if not limit.exists():  # v2 hands controllers down as the first container comes
                Path(LAYOUT.unified, above, "cgroup.subtree_control").write_text("+memory")
            limit.write_text(value)
            name = lab.up(f"--cgroup-parent {inner}", "tail", "/dev/zero")
            assert lab.ck("wait", name) == "137\n"
            assert lab.inspect(name, "{{.State.OOMLimit}}") == culprit
            lab.ck("rm", name)
    finally:
        for top in LAYOUT.tops:
            os.rmdir(f"{top}/{inner}")


@pytest.mark.skipif(LAYOUT.mode is not Mode.V2, reason="v1 heeds a soft limit only when the whole machine runs short")
def test_what_is_reserved_stays_while_others_want_it(lab: Lab, above: str) -> None:
    def cached(container: str) -> int:
        group = Path(LAYOUT.directory("memory", f"{above}/{lab.inspect(container, '{{.Id}}')}"), "memory.stat")
        return next(int(line.split()[1]) for line in group.read_text().splitlines() if line.startswith("file "))

    size = 8 << 20
    fill = ("sh", "-c", f"head -c {size} /dev/zero > /f; sync; sleep 1000")
    reserved = lab.up(f"--cgroup-parent /{above} --memory-reservation 12m", *fill)
    plain = lab.up(f"--cgroup-parent /{above}", *fill)
    assert settled(lambda: cached(reserved) >= size and cached(plain) >= size, True)
    assert lab.run(f"--cgroup-parent /{above}", "dd", "if=/dev/zero", "of=/f", "bs=1M", "count=96").code == 0
    assert cached(reserved) >= size > 2 * cached(plain)
    lab.ck("rm", "-f", reserved, plain)


@pytest.mark.parametrize("parent", ["../up", "/", "/a/../b", "/a b"])
def test_what_is_no_group_is_refused(lab: Lab, parent: str) -> None:
    lab.refused(f"--cgroup-parent '{parent}'", f"invalid cgroup parent '{parent}'")


@pytest.mark.parametrize("controller", ["memory", "pids", "unified"])
def test_a_file_is_no_group(lab: Lab, controller: str) -> None:
    """It is one in its own hierarchy; in the others it could be made."""
    directory = LAYOUT.unified if controller == "unified" else LAYOUT.directory(controller, "")
    kept = {"memory": "memory.stat", "pids": "pids.current", "unified": "cgroup.events"}[controller]
    parent = f"ck-test-{uuid.uuid4().hex[:8]}"
    lab.refused(f"--cgroup-parent /{parent}/{kept}", f"{directory.rstrip('/')}/{parent}/{kept} is not a directory")
    assert not [top for top in LAYOUT.tops if os.path.exists(f"{top}/{parent}")]


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd runs this machine")
def test_a_slice_needs_systemd(lab: Lab) -> None:
    lab.refused("--cgroup-parent my.slice", "systemd has no say about this machine's control groups")
