"""What never answers stops nobody else, and comes to an end with a sentence that names it."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.engine.lab import Lab
from tests.integration.engine.test_survival import shim_of
from tests.support.daemon import NO_NETWORK, TREE, Daemon

CONFIG = f"""
driver_deadline = 4.0
{NO_NETWORK}
[plugins]
modules = ["tests.support.hanging_plugin"]
"""


@pytest.fixture
def hanging(busybox_image: str) -> Iterator[Lab]:
    """An engine with a volume driver that never returns."""
    env = {"PYTHONPATH": os.pathsep.join([str(TREE / "src"), str(TREE)])}
    with Daemon(config=CONFIG, env=env) as daemon:
        daemon.ck("pull", "-q", busybox_image)
        yield Lab(daemon, busybox_image, "ck-hang")


@contextmanager
def mute_registry() -> Iterator[str]:
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def others_are_served(lab: Lab, other: str) -> None:
    """Lists, looks, logs, runs."""
    assert other in lab.ck("ps", "--format", "{{.Names}}").split()
    assert lab.status(other) == "running 0"
    assert lab.ck("logs", other) == "hello\n"
    assert lab.out("", "echo new") == "new\n"


def test_a_driver_that_never_returns_is_given_up(hanging: Lab) -> None:
    lab = hanging
    other = lab.up("", "sh", "-c", "echo hello; sleep 1000")
    with lab.popen("volume", "create", "--driver", "hang", "ck-hung") as stuck:
        others_are_served(lab, other)
        lab.ck("volume", "create", "ck-other")
        assert stuck.poll() is None
        _, said = stuck.communicate()
    assert b"volume driver 'hang': create did not return within 4 s" in said
    assert "create did not return within 4 s" in lab.run("--mount type=volume,dst=/v,volume-driver=hang", "true").err
    assert lab.ck("volume", "ls", "-q") == "ck-other\n"
    doctor = lab.daemon.ck("doctor", check=False)
    assert doctor.code == 1 and "volume driver 'hang': list did not return within 4 s" in doctor.out
    others_are_served(lab, other)


def test_a_registry_that_never_answers_holds_up_one_pull(hanging: Lab) -> None:
    lab = hanging
    other = lab.up("", "sh", "-c", "echo hello; sleep 1000")
    with mute_registry() as registry, lab.popen("pull", f"{registry}/image") as pull:
        others_are_served(lab, other)
        assert pull.poll() is None
        pull.send_signal(signal.SIGINT)  # whoever pulls may give up at any time
        pull.communicate()
    others_are_served(lab, other)


def test_stopped_shims_hold_up_nobody(hanging: Lab) -> None:
    lab = hanging
    other = lab.up("", "sh", "-c", "echo hello; sleep 1000")
    stuck = [lab.up() for _ in range(5)]
    shims = [shim_of(lab, name) for name in stuck]
    for shim in shims:
        os.kill(shim, signal.SIGSTOP)
    others_are_served(lab, other)
    lab.ck("kill", *stuck)  # which wakes the shims, because they do not tell of the end
    for name in stuck:
        assert lab.status(name) == "exited 137"
    lab.ck("rm", *stuck)


def test_rm_f_converges_whatever_the_shim_does(hanging: Lab) -> None:
    lab = hanging
    for number in (signal.SIGSTOP, signal.SIGKILL):
        name = lab.up("--restart always --restart-backoff min=1ms,max=1ms")
        os.kill(shim_of(lab, name), number)
        lab.ck("rm", "-f", name)
        assert name not in lab.ck("ps", "-a", "--format", "{{.Names}}").split()
