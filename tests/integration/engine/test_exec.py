"""`exec` in all its forms."""

import os
import subprocess

import pexpect
import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled
from tests.support.daemon import CK


def test_exec(lab: Lab) -> None:
    container = lab.up("-e A=outer -w /tmp")
    assert lab.ck("exec", container, "sh", "-c", "echo $A $PWD").split() == ["outer", "/tmp"]
    out = lab.ck("exec", "-e", "A=inner", "-w", "/var", "-u", "www-data", container, "sh", "-c", "echo $A $PWD; id -un")
    assert out == "inner /var\nwww-data\n"
    assert lab.daemon.ck("exec", "-i", container, "cat", stdin=b"in\n").out == "in\n"
    assert lab.daemon.ck("exec", container, "cat", stdin=b"not for it").out == ""
    lab.ck("exec", "-d", container, "sh", "-c", "echo made > /made")
    confined = lab.ck("exec", container, "grep", "-E", "CapEff|Seccomp:", "/proc/self/status")
    assert confined.split() == ["CapEff:", "00000000a80425fb", "Seccomp:", "2"]
    assert "00000000a80425fb" not in lab.ck("exec", "--privileged", container, "grep", "CapEff", "/proc/self/status")
    actions = [action.partition(":")[0] for action in lab.events(container)]
    assert actions.count("exec_create") == actions.count("exec_start") == 7


@pytest.mark.parametrize(
    ("options", "command", "code", "sentence"),
    [
        ((), ("sh", "-c", "exit 9"), 9, ""),
        ((), ("sh", "-c", "kill -9 $$"), 137, ""),
        ((), ("nosuch",), 127, 'ck: exec: "nosuch": not found in $PATH of the image\n'),
        ((), ("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied'),
        (("-u", "nosuch"), ("true",), 125, "unable to find user nosuch"),
        (("-w", "/nosuch"), ("true",), 127, 'cannot change to the working directory "/nosuch"'),
        (("-w", "relative"), ("true",), 1, "invalid working directory 'relative'"),
        ((), ("",), 1, "no exec command specified"),
    ],
)
def test_exit_codes(lab: Lab, options: tuple[str, ...], command: tuple[str, ...], code: int, sentence: str) -> None:
    container = lab.up()
    assert sentence in lab.fails("exec", *options, container, *command, code=code)


def test_exec_needs_a_running_container(lab: Lab) -> None:
    container = lab.up()
    lab.ck("pause", container)
    assert f"container {container} is paused, unpause it before exec" in lab.fails("exec", container, "true")
    lab.ck("unpause", container)
    lab.ck("kill", container)
    lab.ck("wait", container)
    assert "is not running" in lab.fails("exec", container, "true")
    assert "No such container: nosuch" in lab.fails("exec", "nosuch", "true")


def test_exec_in_a_terminal(lab: Lab) -> None:
    container = lab.up()
    command = (*CK[1:], "exec", "-it", "-e", "PS1=ready> ", container, "sh")
    child = pexpect.spawn(CK[0], list(command), env=lab.daemon.environment, dimensions=(22, 77), timeout=30)
    try:
        child.expect_exact("ready> ")
        child.send("stty size; tty; exit 4\r")
        child.expect_exact("22 77")
        child.expect_exact("/dev/pts/")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 4
    finally:
        child.close(force=True)


def test_sessions_end_with_their_container(lab: Lab) -> None:
    container = lab.up()
    with lab.popen("exec", container, "sh", "-c", "echo ready; exec sleep 1000") as session:
        assert session.stdout is not None and session.stdout.readline() == b"ready\n"
        lab.ck("kill", container)
        assert session.wait(30) == 137


def test_a_hundred_sessions_leave_nothing(lab: Lab) -> None:
    container = lab.up()
    pid = lab.inspect(container, "{{.State.Pid}}")
    shim = subprocess.run(["ps", "-o", "ppid=", "-p", pid], capture_output=True, text=True, check=True).stdout.strip()

    def descriptors() -> list[int]:
        return [len(os.listdir(f"/proc/{process}/fd")) for process in (shim, lab.daemon.pid)]

    def more() -> list[bool]:
        return [now > then for now, then in zip(descriptors(), before, strict=True)]

    lab.ck("exec", container, "true")
    before, shown = descriptors(), lab.ck("top", container, "-eo", "pid,comm")
    for _ in range(100):
        lab.ck("exec", container, "true")
    # The last clients' connections may not be closed yet, and at the first look those of others may have been open.
    assert settled(more, [False, False]) == [False, False], f"{before}, and now {descriptors()}"
    assert lab.ck("top", container, "-eo", "pid,comm") == shown
