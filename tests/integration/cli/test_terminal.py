"""`ck` in a real terminal: raw mode, sizes, detach keys, progress."""

import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support.daemon import CK, Daemon

PROMPT = "ready> "
SHELL = ("-e", f"PS1={PROMPT}")


@pytest.fixture(autouse=True, scope="module")
def pulled(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("pull", "-q", busybox_image)


class Terminal:
    """`ck` on a pseudo-terminal of its own."""

    def __init__(
        self, daemon: Daemon, *arguments: str, around: tuple[str, ...] = (), rows: int = 30, columns: int = 100
    ) -> None:
        command: list[str] = [*around, *CK, *arguments]
        self.child = pexpect.spawn(
            command[0],
            command[1:],
            env=daemon.environment,
            dimensions=(rows, columns),
            timeout=30,
            encoding="utf-8",
        )

    def send(self, text: str) -> None:
        self.child.send(text)

    def expect(self, text: str) -> None:
        self.child.expect_exact(text)

    def code(self) -> int:
        """Wait for the end; return the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return int(self.child.exitstatus if self.child.exitstatus is not None else 128 + self.child.signalstatus)

    def cooked(self) -> bool:
        """Whether the terminal is as the user had it."""
        flags = termios.tcgetattr(self.child.child_fd)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.child.close(force=True)


def open_shell(daemon: Daemon, image: str, terminals: list[Terminal], *flags: str) -> Terminal:
    terminal = Terminal(daemon, "run", "-it", *SHELL, *flags, image, "sh")
    terminals.append(terminal)
    terminal.expect(PROMPT)
    return terminal


def test_a_shell(daemon: Daemon, busybox_image: str, terminals: list[Terminal]) -> None:
    shell = open_shell(daemon, busybox_image, terminals, "--rm")
    assert not shell.cooked()
    shell.send("stty size; tty; echo a-$((1+1))\r")
    shell.expect("30 100\r\n")
    shell.expect("/dev/pts/0")
    shell.expect("a-2\r\n")
    shell.child.setwinsize(41, 121)
    shell.send("sleep 0.2; stty size\r")
    shell.expect("41 121")
    # Ctrl-C is the shell's, not ck's.
    shell.send("sleep 1000\r")
    shell.send("\x03")
    shell.expect(PROMPT)
    shell.send("exit 3\r")
    assert shell.code() == 3


def test_the_size_is_right_before_the_first_instruction(
    daemon: Daemon, busybox_image: str, terminals: list[Terminal]
) -> None:
    terminal = Terminal(daemon, "run", "--rm", "-it", busybox_image, "stty", "size", rows=17, columns=55)
    terminals.append(terminal)
    terminal.expect("17 55")
    assert terminal.code() == 0


def test_detach_and_attach_again(daemon: Daemon, busybox_image: str, terminals: list[Terminal]) -> None:
    shell = open_shell(daemon, busybox_image, terminals, "--name", "ck-detach")
    try:
        shell.send("x=kept\r")
        shell.expect(PROMPT)
        shell.send("\x10\x11")
        assert shell.code() == 0
        assert daemon.ck("inspect", "-f", "{{.State.Running}}", "ck-detach").out == "true\n"
        again = Terminal(daemon, "attach", "--detach-keys", "ctrl-a,d", "ck-detach")
        terminals.append(again)
        again.send("\recho $x\r")
        again.expect("kept")
        again.send("\x01d")
        assert again.code() == 0
    finally:
        daemon.ck("rm", "-f", "ck-detach")


AROUND = 'trap : HUP TERM; "$@"; echo code=$?; read wait'
"""A shell around ck keeps the terminal open, so that its settings can be looked at afterwards."""


@pytest.mark.parametrize(("how", "code"), [("engine", 4), ("container", 137), ("hangup", 129), ("terminate", 143)])
def test_the_terminal_is_given_back(
    fresh_daemon: Daemon, busybox_image: str, terminals: list[Terminal], how: str, code: int
) -> None:
    fresh_daemon.ck("pull", "-q", busybox_image)
    run = ("run", "-it", "--rm", "--name", "ck-raw", *SHELL, busybox_image, "sh")
    terminal = Terminal(fresh_daemon, *run, around=("sh", "-c", AROUND, "sh"))
    terminals.append(terminal)
    terminal.expect(PROMPT)
    assert not terminal.cooked()
    pid = terminal.child.pid
    ck = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    if how == "engine":
        fresh_daemon.kill9()
        fresh_daemon.start()
        terminal.send("exit 4\r")
    elif how == "container":
        fresh_daemon.ck("kill", "ck-raw")
    elif how == "hangup":
        os.kill(ck, signal.SIGHUP)
    else:
        # The shell in the container ignores SIGTERM; the third one is meant for ck. Each is awaited, because
        # pending signals of one number are one.
        for left in (2, 1, 0):
            os.kill(ck, signal.SIGTERM)
            if left:
                terminal.send("echo still-$((40+2))\r")
                terminal.expect("still-42\r\n")
    terminal.expect(f"code={code}")
    assert terminal.cooked()


def test_exec_in_a_terminal(daemon: Daemon, busybox_image: str, terminals: list[Terminal]) -> None:
    daemon.ck("run", "-d", "--name", "ck-exec-tty", busybox_image, "sleep", "1000")
    try:
        terminal = Terminal(daemon, "exec", "-it", *SHELL, "ck-exec-tty", "sh", rows=20, columns=60)
        terminals.append(terminal)
        terminal.expect(PROMPT)
        terminal.send("stty size\r")
        terminal.expect("20 60")
        terminal.send("exit 2\r")
        assert terminal.code() == 2
    finally:
        daemon.ck("rm", "-f", "ck-exec-tty")


def test_progress_on_a_terminal(fresh_daemon: Daemon, busybox_image: str, terminals: list[Terminal]) -> None:
    terminal = Terminal(fresh_daemon, "pull", busybox_image)
    terminals.append(terminal)
    terminal.expect("Pulling fs layer")
    terminal.expect("Pull complete")
    terminal.expect(busybox_image)
    assert terminal.code() == 0
