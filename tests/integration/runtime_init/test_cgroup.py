"""Control groups on this machine's hierarchies."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol

import pytest

from ck.kernel.linux import pidfd
from ck.kernel.linux.cgroup import (
    AccountReader,
    Accounts,
    DeviceRule,
    Group,
    Layout,
    Limits,
    OomAccounts,
    Setting,
    SettingRefused,
    detect,
    files_of,
    groups,
    settings,
    with_unified,
)
from ck.kernel.linux.cgroup.devices import compile_rules
from ck.kernel.linux.private_mounts import in_private_mounts


class Member(Protocol):
    """Makes a process of the group that runs *script*, at once or when its standard input is closed."""

    def __call__(self, script: str = ..., *, begin: bool = True) -> subprocess.Popen[str]: ...


def stdin_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


@pytest.fixture
def group() -> Iterator[Group]:
    group = Group(detect(), f"ck-test-{uuid.uuid4().hex}")
    yield group
    group.kill()
    group.remove()


@pytest.fixture
def member(group: Group) -> Iterator[Member]:
    """Make processes in the group; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(script: str = "import signal; signal.pause()", *, begin: bool = True) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", f"import sys; sys.stdin.read(); {script}"],
                stdin=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            group.add(process.pid)
            if begin:
                stdin_of(process).close()
            return process

        yield start


def v1() -> bool:
    return "pids" in detect().v1


def limited(**limits: object) -> list[Setting]:
    """What this kernel needs written for Limits(**limits), all of which it can enforce."""
    layout = detect()
    enforceable = settings(Limits(**limits), layout, files_of(layout))  # type: ignore[arg-type]
    assert not enforceable.missing
    return enforceable.settings


def accounts(group: Group) -> Accounts | None:
    with AccountReader(detect(), group) as reader:
        return reader.read()


def test_making_and_removing_are_idempotent(group: Group) -> None:
    group.create()
    group.create(limited(pids=5, cpuset_cpus="0"))
    assert all(os.path.isdir(directory) for directory in group.directories)
    group.remove()
    group.remove()
    assert not any(os.path.exists(directory) for directory in group.directories)
    assert (group.pids(), group.wait_empty(0)) == ([], True)
    group.kill()


def test_its_processes_and_what_they_use(group: Group, member: Member) -> None:
    group.create()
    process = member()
    assert group.pids() == [process.pid]
    used = accounts(group)
    assert used is not None and used.pids == 1
    assert not group.wait_empty(0)
    process.terminate()
    process.wait()
    used = accounts(group)
    assert used is not None and used.cpu > 0 and used.pids == 0
    assert not OomAccounts(detect(), group).look()


def test_freeze_and_thaw(group: Group, member: Member) -> None:
    group.create()
    process = member("sys.exit(3)", begin=False)
    group.freeze(5)
    fd = pidfd.open_pidfd(process.pid)
    stdin_of(process).close()
    assert pidfd.send_signal(fd, signal.SIGCONT)
    assert not pidfd.wait(fd, 0)
    group.thaw()
    assert pidfd.wait(fd, 5)
    assert process.wait() == 3
    assert not pidfd.send_signal(fd, signal.SIGTERM)
    os.close(fd)


def test_kill_ends_the_frozen_and_their_children(group: Group, member: Member) -> None:
    group.create()
    process = member("import os; os.fork(); import signal; signal.pause()")
    group.freeze(5)
    group.kill()
    assert process.wait() == -signal.SIGKILL
    assert group.wait_empty(5)


def test_a_group_with_a_process_is_not_removed(group: Group, member: Member) -> None:
    group.create()
    process = member()
    with pytest.raises(OSError, match="processes are left"):
        group.remove(timeout=0)
    process.kill()
    # Not waited for: the removal waits until the process has left, however late that is in its exit.
    group.remove()


@pytest.mark.skipif(not v1(), reason="all controllers are in the unified hierarchy here")
def test_a_v1_group_that_is_busy_for_a_moment_longer_than_the_unified_one_is_removed(
    group: Group, member: Member
) -> None:
    group.create()
    process = member()
    Path(os.path.dirname(group.unified), "cgroup.procs").write_text(str(process.pid))
    assert group.wait_empty(0)
    process.kill()
    group.remove()
    assert not any(os.path.exists(directory) for directory in group.directories)


def test_groups_that_the_container_made_are_removed_too(group: Group) -> None:
    group.create()
    for directory in group.directories:
        os.makedirs(os.path.join(directory, "a/b"))
    group.remove()
    assert not any(os.path.exists(directory) for directory in group.directories)


def test_the_reader_sees_that_the_group_is_gone(group: Group) -> None:
    group.create()
    with AccountReader(detect(), group) as reader:
        assert reader.read() is not None
        group.remove()
        assert reader.read() is None


def test_limits_change_under_a_process(group: Group, member: Member) -> None:
    group.create(limited(memory=64 << 20, memory_swap=64 << 20))
    process = member()
    mib = 1 << 20
    for memory, swap in ((256 * mib, 512 * mib), (32 * mib, 32 * mib), (128 * mib, 128 * mib)):
        group.update(limited(memory=memory, memory_swap=swap))
        used = accounts(group)
        assert used is not None and used.memory_limit == memory
    assert os.sched_getaffinity(process.pid) == os.sched_getaffinity(0)
    group.update(limited(cpuset_cpus="1"))
    assert os.sched_getaffinity(process.pid) == {1}
    group.update(limited(cpuset_cpus="0"))
    assert os.sched_getaffinity(process.pid) == {0}


def test_an_update_that_is_refused_changes_nothing(group: Group, member: Member) -> None:
    group.create(limited(pids=20))
    member()
    wrong = Setting("cpu", limited(cpu_quota=5000)[0].file, "no number")
    with pytest.raises(SettingRefused, match="Invalid argument") as caught:
        group.update([*limited(pids=5), wrong])
    assert caught.value.setting == wrong
    used = accounts(group)
    assert used is not None and used.pids_limit == 20


def test_the_group_above_is_made_and_goes_with_the_last() -> None:
    layout = detect()._replace(parent=f"ck-test-{uuid.uuid4().hex}/inner")
    one, two = (Group(layout, uuid.uuid4().hex * 2) for _ in range(2))
    one.create(limited(memory=64 << 20, cpuset_cpus="0"))
    two.create(limited(pids=5))
    assert {group.path for group in groups(layout)} >= {one.path, two.path}
    used = accounts(two)
    assert used is not None and used.pids_limit == 5
    one.remove()
    assert os.path.isdir(two.unified)
    two.remove()
    for top in layout.tops:
        assert not os.path.exists(os.path.join(top, os.path.dirname(layout.parent)))


def test_a_group_above_that_somebody_else_made_stays() -> None:
    layout = detect()._replace(parent=f"ck-test-{uuid.uuid4().hex}")
    for top in layout.tops:
        os.mkdir(os.path.join(top, layout.parent))
    try:
        group = Group(layout, uuid.uuid4().hex * 2)
        group.create()
        group.remove()
        assert all(os.path.isdir(os.path.join(top, layout.parent)) for top in layout.tops)
    finally:
        for top in layout.tops:
            os.rmdir(os.path.join(top, layout.parent))


def test_the_kernel_takes_the_device_program(group: Group, member: Member) -> None:
    group.create((), compile_rules([DeviceRule(True, "c", 1, 3, "rw"), DeviceRule(True, "c", 1, 5, "r")]))
    script = (
        "import sys\n"
        "def may(path, mode):\n"
        "    try: open(path, mode)\n"
        "    except PermissionError: return False\n"
        "    return True\n"
        "sys.exit([may('/dev/null', 'r+b'), may('/dev/zero', 'rb'), may('/dev/zero', 'r+b'), may('/dev/full', 'rb')]"
        " != [True, True, False, False])"
    )
    assert member(f"exec({script!r})").wait() == 0


def test_a_v1_host_gets_the_unified_hierarchy_beside_it(tmp_path: Path) -> None:
    bare = detect()._replace(unified="")
    layout = in_private_mounts(lambda: _look(with_unified(bare, str(tmp_path / "cgroup2"))))
    assert (layout.unified, layout.v1) == (str(tmp_path / "cgroup2"), bare.v1)
    assert not os.listdir(layout.unified)  # the mount was that thread's alone


def _look(layout: Layout) -> Layout:
    assert os.path.exists(f"{layout.unified}/cgroup.controllers")
    return layout


def test_signals_do_not_keep_the_device_program_out(group: Group) -> None:
    """The kernel's verifier gives way to a pending signal (EAGAIN); a group must be made all the same."""
    # Each anew to the kernel, and with rules enough to take a while.
    programs = [compile_rules(DeviceRule(True, "c", major, minor, "rw") for minor in range(20)) for major in range(500)]
    caught: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: caught.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
    try:
        for program in programs:
            group.create(device_program=program)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught


def test_many_groups_get_the_same_new_device_program_at_once() -> None:
    """Each round has a program that no cache knows, wanted by all threads in the same instant."""
    threads, rounds = 8, 25
    groups = [Group(detect(), f"ck-test-{uuid.uuid4().hex}") for _ in range(threads)]
    together = threading.Barrier(threads, timeout=10)

    def make(group: Group) -> None:
        for minor in range(rounds):
            program = compile_rules([DeviceRule(True, "c", 251, minor, "rw")])
            together.wait()
            group.create(device_program=program)

    try:
        with ThreadPoolExecutor(threads) as pool:
            for result in [pool.submit(make, group) for group in groups]:
                result.result()
    finally:
        for group in groups:
            group.remove()
