"""ckd, a shim or the forkserver dies, at any time: containers run on, and nothing is lost or left."""

import os
import select
import signal
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.engine.test_lifecycle import ready
from tests.support.census import parent_of

COUNTER = ("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
GATED = ("sh", "-c", "echo ready; read line < /gate; echo last; exit 7")


def shim_of(lab: Lab, container: str) -> int:
    """The PID of the process that stands over it."""
    return parent_of(int(lab.inspect(container, "{{.State.Pid}}")))


def await_end(pidfd: int) -> None:
    """Wait until the process of *pidfd* has ended, and close that."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(30_000)
    os.close(pidfd)


def await_event(lab: Lab, container: str, action: str, *, times: int = 1) -> None:
    """Wait until the journal tells so often of it."""
    with lab.popen("events", "--since", "1h", "-f", f"container={container}", "-f", f"event={action}") as events:
        assert events.stdout is not None
        for _ in range(times):
            assert events.stdout.readline()
        events.kill()


@pytest.mark.parametrize("how", ["kill9", "stop"])
def test_containers_outlive_the_engine(own_lab: Lab, tmp_path: Path, how: str) -> None:
    lab = own_lab
    os.mkfifo(tmp_path / "gate")
    counting, ending = lab.up("", *COUNTER), ready(lab, lab.up(f"-v {tmp_path}/gate:/gate", *GATED))
    removed = ready(lab, lab.up(f"--rm -v {tmp_path}/gate:/gate", *GATED))
    paused, pid = lab.up(), lab.inspect(counting, "{{.State.Pid}}")
    lab.ck("pause", paused)
    ends = [os.pidfd_open(int(lab.inspect(each, "{{.State.Pid}}"))) for each in (ending, removed)]
    getattr(lab.daemon, how)()
    with (tmp_path / "gate").open("w") as gate:
        gate.write("go\ngo\n")
    for end in ends:
        await_end(end)
    lab.daemon.start()
    # Whatever ended meanwhile is recorded before the new engine serves.
    assert lab.status(ending) == "exited 7" and lab.ck("logs", ending) == "ready\nlast\n"
    assert removed not in lab.ck("ps", "-a", "--format", "{{.Names}}").split()
    assert lab.status(paused) == "paused 0" and lab.inspect(counting, "{{.State.Pid}}") == pid
    lab.ck("unpause", paused)
    assert lab.ck("exec", counting, "echo", "in") == "in\n"
    with lab.popen("attach", "--no-stdin", counting) as client:
        assert client.stdout is not None and client.stdout.readline().strip().isdigit()
        client.kill()
    lab.ck("stop", "-t", "0", counting)
    numbers = [int(line) for line in lab.ck("logs", counting).split()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 10


def test_a_container_whose_shim_dies_has_ended(own_lab: Lab) -> None:
    lab = own_lab
    container = lab.up("", "sh", "-c", "sleep 1000 & exec sleep 2000")
    processes = [os.pidfd_open(int(each)) for each in lab.ck("top", container, "-o", "pid").split()[1:]]
    os.kill(shim_of(lab, container), signal.SIGKILL)
    assert lab.ck("wait", container) == "137\n"
    assert lab.status(container) == "exited 137"
    assert len(processes) == 2
    for process in processes:
        await_end(process)
    lab.ck("start", container)
    assert lab.status(container) == "running 0"


def test_a_container_whose_shim_dies_with_the_engine_has_ended(own_lab: Lab) -> None:
    lab = own_lab
    container = lab.up()
    shim = shim_of(lab, container)
    lab.daemon.kill9()
    os.kill(shim, signal.SIGKILL)
    lab.daemon.start()
    assert lab.status(container) == "exited 137"
    lab.ck("start", container)


def test_another_forkserver_is_started(own_lab: Lab) -> None:
    lab = own_lab
    container = lab.up()
    tasks = Path(f"/proc/{lab.daemon.pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    assert children
    for child in children:
        end = os.pidfd_open(child)
        os.kill(child, signal.SIGKILL)
        await_end(end)
    assert lab.out("", "echo new") == "new\n"
    assert lab.ck("exec", container, "echo", "old") == "old\n"
    lab.ck("stop", "-t", "0", container)
    assert lab.status(container) == "exited 137"


def test_restart_policies_after_the_engine(own_lab: Lab) -> None:
    lab = own_lab
    names = {}
    for policy in ("always", "unless-stopped", "no"):
        names[policy] = lab.up(f"--restart {policy}")
    stopped = lab.up("--restart unless-stopped")
    lab.ck("stop", "-t", "0", stopped)
    shims = [shim_of(lab, name) for name in names.values()]
    lab.daemon.kill9()
    for shim in shims:
        os.kill(shim, signal.SIGKILL)
    lab.daemon.start()
    for policy, name in names.items():
        if policy != "no":
            await_event(lab, name, "start", times=2)
    assert [lab.status(name) for name in names.values()] == ["running 0", "running 0", "exited 137"]
    assert lab.status(stopped) == "exited 137"
