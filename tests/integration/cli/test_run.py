"""`ck run` on the real engine: streams, exit codes, flags that end at the image."""

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.background import background
from tests.support.daemon import Daemon

LINES = 200_000


@pytest.fixture(autouse=True, scope="module")
def pulled(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("pull", "-q", busybox_image)


def test_streams_and_exit_code(daemon: Daemon, busybox_image: str) -> None:
    result = daemon.ck("run", "--rm", busybox_image, "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (result.code, result.out, result.err) == (7, "out\n", "err\n")


def test_stdin_to_its_end(daemon: Daemon, busybox_image: str) -> None:
    data = os.urandom(500_000)
    assert daemon.ck("run", "--rm", "-i", busybox_image, "cat", stdin=data).stdout == data


def test_without_i_stdin_is_empty(daemon: Daemon, busybox_image: str) -> None:
    assert daemon.ck("run", "--rm", busybox_image, "cat", stdin=b"unseen").out == ""


def test_many_lines_arrive_in_order(daemon: Daemon, busybox_image: str) -> None:
    result = daemon.ck("run", "--rm", busybox_image, "seq", str(LINES))
    assert result.out == "".join(f"{number}\n" for number in range(1, LINES + 1))


def test_a_closed_stdout_ends_ck_quietly(daemon: Daemon, busybox_image: str) -> None:
    with background(daemon, "run", "--rm", "--name", "ck-closed", busybox_image, "seq", "1000000000") as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"1\n"
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""
    daemon.ck("rm", "-f", "ck-closed")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [("nowhere", 127, "nowhere"), ("/etc", 126, "/etc"), ("/etc/passwd", 126, "/etc/passwd")],
)
def test_programs_that_do_not_start(daemon: Daemon, busybox_image: str, command: str, code: int, words: str) -> None:
    result = daemon.ck("run", "--name", "ck-unstartable", busybox_image, command, check=False)
    daemon.ck("rm", "ck-unstartable")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("ck: ") and words in result.err and result.err.count("\n") == 1


def test_engine_errors_are_125(daemon: Daemon, busybox_image: str) -> None:
    assert daemon.ck("run", "--rm", "--pull", "never", "none.example/none", check=False).code == 125
    result = daemon.ck("run", "--rm", "--network", "nonesuch", busybox_image, "true", check=False)
    assert result.code == 125 and "nonesuch" in result.err


def test_a_missing_image_is_pulled(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("rmi", "-f", busybox_image)
    result = daemon.ck("run", "--rm", busybox_image, "echo", "hello")
    assert result.out == "hello\n"
    assert result.err.startswith(f"Unable to find image '{busybox_image}' locally\n")


def test_signals_are_passed_on(daemon: Daemon, busybox_image: str) -> None:
    script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with background(daemon, "run", "--rm", busybox_image, "sh", "-c", script) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"got it\n"
        assert process.wait(30) == 5


def test_without_the_proxy_a_signal_ends_ck_alone(daemon: Daemon, busybox_image: str) -> None:
    command = (
        "run",
        "--rm",
        "--sig-proxy=false",
        "--name",
        "ck-unproxied",
        busybox_image,
        "sh",
        "-c",
        "echo up; sleep 1000",
    )
    with background(daemon, *command) as process:
        assert process.stdout and process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert daemon.ck("inspect", "-f", "{{.State.Running}}", "ck-unproxied").out == "true\n"
    daemon.ck("rm", "-f", "ck-unproxied")


def test_detached(daemon: Daemon, busybox_image: str, tmp_path: Path) -> None:
    cidfile = tmp_path / "cid"
    identifier = daemon.ck("run", "-d", "--cidfile", cidfile, busybox_image, "sh", "-c", "exit 3").out.strip()
    assert cidfile.read_text() == identifier and len(identifier) == 64
    again = daemon.ck("run", "-d", "--cidfile", cidfile, busybox_image, "true", check=False)
    assert again.code == 125 and "container ID file found" in again.err
    assert daemon.ck("wait", identifier).out == "3\n"
    assert daemon.ck("rm", identifier[:12]).out == f"{identifier[:12]}\n"


def test_start_and_attach(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("create", "-i", "--name", "ck-cat", busybox_image, "sh", "-c", "cat; exit 4")
    result = daemon.ck("start", "-ai", "ck-cat", stdin=b"typed", check=False)
    assert (result.code, result.out) == (4, "typed")
    daemon.ck("rm", "ck-cat")


def test_attach(daemon: Daemon, busybox_image: str) -> None:
    # Not `run -d`: that leaves stdin open when a client closes its own.
    daemon.ck("create", "-i", "--name", "ck-attached", busybox_image, "sh", "-c", "cat; exit 6")
    daemon.ck("start", "ck-attached")
    result = daemon.ck("attach", "ck-attached", stdin=b"through", check=False)
    assert (result.code, result.out) == (6, "through")
    refused = daemon.ck("attach", "ck-attached", check=False)
    assert (refused.code, refused.err) == (1, "ck: you cannot attach to a stopped container, start it first\n")
    daemon.ck("rm", "ck-attached")


def test_exec(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("run", "-d", "--name", "ck-exec", busybox_image, "sleep", "1000")
    try:
        script = "cat; echo $A $PWD; echo err >&2; exit 9"
        result = daemon.ck(
            "exec", "-i", "-e", "A=1", "-w", "/tmp", "ck-exec", "sh", "-c", script, stdin=b"in\n", check=False
        )
        assert (result.code, result.out, result.err) == (9, "in\n1 /tmp\n", "err\n")
        assert daemon.ck("exec", "ck-exec", "nowhere", check=False).code == 127
        assert daemon.ck("exec", "-d", "ck-exec", "touch", "/done").out == ""
        assert daemon.ck("exec", "nonesuch", "true", check=False).code == 1
    finally:
        daemon.ck("rm", "-f", "ck-exec")


def test_tty_needs_a_terminal(daemon: Daemon, busybox_image: str) -> None:
    result = daemon.ck("run", "--rm", "-it", busybox_image, "true", check=False)
    assert (result.code, result.err) == (1, "ck: the input device is not a TTY\n")


def test_a_killed_engine_does_not_end_the_run(fresh_daemon: Daemon, busybox_image: str) -> None:
    fresh_daemon.ck("pull", "-q", busybox_image)
    script = "echo before; read line; echo $line; exit 8"
    with background(fresh_daemon, "run", "-i", "--rm", busybox_image, "sh", "-c", script) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == b"before\n"
        fresh_daemon.kill9()
        fresh_daemon.start()
        process.stdin.write(b"after\n")
        process.stdin.flush()
        assert process.stdout.read() == b"after\n"
        assert process.wait(30) == 8
    assert fresh_daemon.ck("ps", "-aq").out == ""


def test_the_exit_code_of_a_container_that_ended_and_went_while_the_engine_was_away(
    fresh_daemon: Daemon, busybox_image: str
) -> None:
    fresh_daemon.ck("pull", "-q", busybox_image)
    command = ("run", "-i", "--rm", busybox_image, "sh", "-c", "echo up; cat; exit 8")
    with background(fresh_daemon, *command) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == b"up\n"
        fresh_daemon.kill9()
        process.stdin.write(b"last words")
        process.stdin.close()
        assert process.stdout.read(10) == b"last words"
        fresh_daemon.start()
        assert process.wait(30) == 8
    assert fresh_daemon.ck("ps", "-aq").out == ""


def test_autostart(fresh_daemon: Daemon) -> None:
    fresh_daemon.stop()
    roots = {"CK_RUN_ROOT": str(fresh_daemon.run_root), "CK_DATA_ROOT": str(fresh_daemon.data_root / "data")}
    # Not where it is forbidden, and not for a socket alone, whose engine may have other roots.
    for environment in ({**roots, "CK_AUTOSTART": "0"}, {}):
        refused = fresh_daemon.ck("ps", env=environment, check=False)
        assert refused.code == 1 and "cannot connect to the engine" in refused.err
    # Two at once start one.
    several = [fresh_daemon.popen("ps", "-q", env=roots, stdin=subprocess.DEVNULL) for _ in range(3)]
    for process in several:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, b"", b"")
    log = (fresh_daemon.run_root / "ckd.log").read_text()
    assert log.count("serving on") == 1
    pid = int((fresh_daemon.run_root / "ckd.lock").read_text())
    fd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(fd, signal.SIGTERM)
        assert select.select([fd], [], [], 30)[0]
    finally:
        os.close(fd)
