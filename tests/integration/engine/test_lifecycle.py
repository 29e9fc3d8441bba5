"""stop, kill, wait, restart, pause, rename, rm, restart policies."""

import pytest

from tests.integration.engine.lab import Lab

POLITE = ("sh", "-c", "trap 'echo got; exit 5' TERM USR1; echo ready; while :; do sleep 0.02; done")


def ready(lab: Lab, container: str) -> str:
    """Return *container* once it has printed its first line."""
    with lab.popen("logs", "-f", container) as follower:
        assert follower.stdout is not None and follower.stdout.readline()
        follower.kill()
    return container


@pytest.mark.parametrize("options", ["", "--stop-signal USR1", "--init"])
def test_stop_asks_first(lab: Lab, options: str) -> None:
    container = ready(lab, lab.up(options, *POLITE))
    lab.ck("stop", container)
    assert lab.status(container) == "exited 5" and lab.ck("logs", container) == "ready\ngot\n"
    signal = "10" if options.startswith("--stop") else "15"
    wanted = ("-f", f"container={container}", "-f", "event=kill", "--format", "{{.Actor.Attributes.signal}}")
    kills = lab.ck("events", "--since", "1h", "--until", "0s", *wanted)
    assert kills == f"{signal}\n"
    assert lab.events(container) == ["create", "start", "kill", "die", "stop"]
    assert lab.ck("stop", container) == f"{container}\n"


def test_stop_insists(lab: Lab) -> None:
    container = lab.up()  # the first process of a namespace is deaf to TERM without a handler
    lab.ck("stop", "-t", "0", container)
    assert lab.status(container) == "exited 137"
    assert lab.events(container) == ["create", "start", "kill", "kill", "die", "stop"]
    paused = ready(lab, lab.up("", *POLITE))
    lab.ck("pause", paused)
    lab.ck("stop", paused)
    assert lab.status(paused) == "exited 5"
    assert "invalid signal: NOPE" in lab.fails("stop", "-s", "NOPE", lab.up())


def test_kill(lab: Lab) -> None:
    container = ready(lab, lab.up("", *POLITE))
    for bad in ("NOPE", "0", "65"):
        assert f"invalid signal: {bad}" in lab.fails("kill", "-s", bad, container)
    lab.ck("kill", "-s", "SIGWINCH", container)
    assert lab.status(container) == "running 0"
    lab.ck("kill", "-s", "usr1", container)
    assert lab.ck("wait", container) == "5\n"
    assert "is not running" in lab.fails("kill", container)
    assert "No such container: nosuch" in lab.fails("kill", "nosuch")


def test_wait(lab: Lab) -> None:
    first, second = lab.up("-i", "sh", "-c", "read x; exit 3"), lab.up("-i", "sh", "-c", "read x; exit 4")
    with lab.popen("wait", first, second) as waiter:
        for container in (second, first):
            lab.daemon.ck("attach", container, stdin=b"\n", check=False)
        out, _ = waiter.communicate()
    assert (out, waiter.returncode) == (b"3\n4\n", 0)
    assert lab.ck("wait", first) == "3\n"
    assert "No such container: nosuch" in lab.fails("wait", "nosuch")


def test_restart_and_start(lab: Lab) -> None:
    container = ready(lab, lab.up("", *POLITE))
    pid = lab.inspect(container, "{{.State.Pid}}")
    lab.ck("restart", container)
    assert lab.status(container) == "running 0" and lab.inspect(container, "{{.State.Pid}}") != pid
    assert lab.ck("start", container) == f"{container}\n"
    lab.ck("exec", container, "touch", "/kept")
    lab.ck("restart", "-t", "0", container)
    assert lab.ck("exec", container, "ls", "/kept") == "/kept\n"
    assert lab.events(container)[:7] == ["create", "start", "kill", "die", "stop", "start", "restart"]


def test_pause(lab: Lab) -> None:
    container = lab.up("-i", "cat")
    lab.ck("pause", container)
    assert lab.status(container) == "paused 0"
    assert "(Paused)" in lab.ck("ps", "-f", f"name={container}", "--format", "{{.Status}}")
    assert f"cannot pause container '{container}': container is paused" in lab.fails("pause", container)
    assert "unpause" in lab.fails("start", container)
    assert "paused" in lab.fails("attach", container)
    lab.ck("unpause", container)
    assert "container is running" in lab.fails("unpause", container)
    lab.ck("pause", container)
    lab.ck("kill", container)
    assert lab.ck("wait", container) == "137\n"


def test_names(lab: Lab) -> None:
    one, two = lab.make(), lab.make()
    identifier = lab.inspect(one, "{{.Id}}")
    assert f'name "/{two}" is already in use by container' in lab.fails("rename", one, two)
    assert "already in use" in lab.fails("run", "--name", one, lab.image, "true", code=125)
    assert "invalid container name 'bad name'" in lab.fails("rename", one, "bad name")
    assert "same name" in lab.fails("rename", one, one)
    renamed = lab.new_name()
    lab.ck("rename", one, renamed)
    assert lab.inspect(identifier[:12], "{{.Name}}") == f"/{renamed}"
    assert "No such container" in lab.fails("rename", one, "free-name")
    again = lab.ck("create", "--name", one, lab.image, "true")
    assert again.strip() != identifier


def test_rm(lab: Lab) -> None:
    container = lab.up()
    assert "container is running" in lab.fails("rm", container)
    lab.ck("rm", "-f", container)
    assert lab.events(container) == ["create", "start", "kill", "die", "destroy"]
    assert "No such container" in lab.fails("rm", container)
    short = lab.up("--rm", "true")
    with lab.popen("events", "--since", "1h", "-f", f"container={short}", "-f", "event=destroy") as events:
        assert events.stdout is not None and b"destroy" in events.stdout.readline()
        events.kill()
    assert short not in lab.ck("ps", "-a", "--format", "{{.Names}}").split()


def test_restart_on_failure(lab: Lab) -> None:
    container = lab.up("--restart on-failure:2", "sh", "-c", "echo run; exit 3")
    with lab.popen("events", "--since", "1h", "-f", f"container={container}", "-f", "event=die") as events:
        assert events.stdout is not None
        for _ in range(3):
            assert b"exitCode=3" in events.stdout.readline()
        events.kill()
    lab.ck("wait", container)
    assert lab.status(container) == "exited 3"
    assert lab.inspect(container, "{{.RestartCount}}") == "2"
    assert lab.ck("logs", container) == "run\n" * 3


def test_restart_policies_obey_the_user(lab: Lab) -> None:
    container = lab.up("--restart always")
    lab.ck("stop", "-t", "0", container)
    assert lab.status(container) == "exited 137"
    for _ in range(10):  # wherever in its loop of starts and ends it is met
        looping = lab.up("--restart always", "false")
        lab.ck("stop", looping)
        assert lab.status(looping) == "exited 1"
        lab.ck("rm", looping)
    lab.refused("--restart always", "conflicting options")
    lab.fails("run", "--restart", "nonsense", lab.image, "true", code=125)
