"""`ck engine restart` and `stop`: containers run on, and no client is refused."""

import json
import subprocess
import threading
from pathlib import Path

import docker

from tests.integration.engine.lab import Lab
from tests.support.census import settled


def test_a_restart_keeps_the_process_the_containers_and_their_sessions(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up("", "sh", "-c", "while read line; do echo $line; done; sleep 1000")
    pid = lab.daemon.pid
    with lab.popen("exec", "-i", name, "sh", "-c", "read line; echo got $line; exit 7") as session:
        assert session.stdin is not None and session.stdout is not None
        for _ in range(3):
            lab.ck("engine", "restart")
        session.stdin.write(b"word\n")
        session.stdin.close()
        assert session.stdout.read() == b"got word\n"
        assert session.wait() == 7
    assert lab.status(name) == "running 0"
    assert lab.inspect(name, "{{.RestartCount}}") == "0"
    assert (lab.daemon.pid, Path(f"/proc/{pid}").exists()) == (pid, True)
    restarts = lab.ck("events", "--since", "1h", "--until", "0s", "-f", "type=daemon", "--format", "{{.Action}}")
    assert restarts.split() == ["restart"] * 3


def test_docker_s_exec_learns_its_exit_code_of_the_next_engine(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up()
    command = ("docker", "exec", "-i", name, "sh", "-c", "read line; echo got $line; exit 7")
    with subprocess.Popen(
        command, env=lab.daemon.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as session:
        assert session.stdin is not None and session.stdout is not None
        assert settled(lambda: "read line" in lab.ck("top", name), True)
        lab.ck("engine", "restart")
        session.stdin.write(b"word\n")
        session.stdin.close()
        assert session.stdout.read() == b"got word\n"
        assert session.wait() == 7, session.stderr.read() if session.stderr else ""


def test_no_request_is_refused_during_a_restart(own_lab: Lab) -> None:
    """A client that connects anew for each request, all the time."""
    lab = own_lab
    name = lab.up()
    stop, answered, failures = threading.Event(), 0, list[Exception]()

    def ask() -> None:
        nonlocal answered
        while not stop.is_set() and not failures:
            try:
                api = docker.APIClient(base_url=f"unix://{lab.daemon.socket}", version="1.44")
                assert api.inspect_container(name)["State"]["Running"]
                api.close()
                answered += 1
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(3):
            lab.ck("engine", "restart")
    finally:
        stop.set()
        thread.join()
    assert not failures and answered > 10


def test_a_restart_leaves_no_descriptor_behind(own_lab: Lab) -> None:
    lab = own_lab
    lab.up()

    def descriptors() -> int:
        return len(list(Path(f"/proc/{lab.daemon.pid}/fd").iterdir()))

    lab.ck("engine", "restart")
    before = descriptors()
    for _ in range(3):
        lab.ck("engine", "restart")
    # A client's connection may be on its way out, now or at the first look.
    assert settled(lambda: descriptors() <= before, True)


def test_stop_leaves_containers_running(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up()
    lab.ck("engine", "stop")
    lab.daemon.ended()
    assert not lab.daemon.socket.exists()
    lab.daemon.start()
    assert lab.status(name) == "running 0"


def test_without_an_engine_there_is_nothing_to_stop(own_lab: Lab) -> None:
    own_lab.daemon.stop()
    for verb in ("stop", "restart"):
        assert "cannot connect to the engine" in own_lab.fails("engine", verb)


def test_bad_input(lab: Lab) -> None:
    assert "cannot be negative" in lab.fails("engine", "stop", "--all", "-t", "-1")
    assert json.loads(lab.ck("version", "--format", "json"))["Server"]
