"""Restart supervisors on the real engine: each way to end, each way to come back."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled

QUICK = "--restart-backoff min=1ms,max=20ms"
ONCE = "test -e /done && exec sleep 1000; touch /done; "
"""Begins a script that goes on to its end once, and then stays."""


def count(lab: Lab, ref: str) -> int:
    return int(lab.inspect(ref, "{{.RestartCount}}"))


def reaches(lab: Lab, ref: str, wanted: str) -> None:
    """*wanted*: status, exit code and restarts."""

    def look() -> str:
        return f"{lab.status(ref)} {count(lab, ref)}"

    assert settled(look, wanted) == wanted, lab.ck("why", ref) + lab.daemon.log_tail()


@pytest.mark.parametrize(
    ("policy", "ending", "wanted"),
    [
        ("no", "exit 3", "exited 3 0"),
        ("always", "exit 0", "running 0 1"),
        ("always", "exit 3", "running 0 1"),
        ("always", "kill -SEGV $$", "running 0 1"),
        ("unless-stopped", "exit 0", "running 0 1"),
        ("on-failure", "exit 0", "exited 0 0"),
        ("on-failure", "exit 3", "running 0 1"),
        ("on-failure", "kill -SEGV $$", "running 0 1"),
    ],
)
def test_the_program_ends(lab: Lab, policy: str, ending: str, wanted: str) -> None:
    # Not as process 1, which no signal of its own ends (pid_namespaces(7)).
    options = f"--init --restart {policy} {QUICK if policy != 'no' else ''}"
    reaches(lab, lab.up(options, "sh", "-c", ONCE + ending), wanted)


def test_oom_counts_as_a_failure(lab: Lab) -> None:
    eat = ONCE + "exec tail /dev/zero"
    reaches(lab, lab.up(f"--init -m 8m --restart on-failure {QUICK}", "sh", "-c", eat), "running 0 1")


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize("verb", [("stop", "-t", "0"), ("kill",)])
def test_what_a_user_ends_stays_down(lab: Lab, policy: str, verb: tuple[str, ...]) -> None:
    name = lab.up(f"--restart {policy}")
    lab.ck(*verb, name)
    reaches(lab, name, "exited 137 0")


def test_a_signal_from_the_host_is_the_program_s_own_end(lab: Lab) -> None:
    name = lab.up(f"--restart always {QUICK}")
    os.kill(int(lab.inspect(name, "{{.State.Pid}}")), signal.SIGKILL)
    reaches(lab, name, "running 0 1")


def test_on_failure_gives_up(lab: Lab) -> None:
    reaches(lab, lab.up(f"--restart on-failure:3 {QUICK}", "sh", "-c", "exit 9"), "exited 9 3")


def test_stop_ends_the_wait_for_a_restart(lab: Lab) -> None:
    name = lab.up("--restart always --restart-backoff min=1h,max=1h", "true")
    assert settled(lambda: lab.status(name), "restarting 0") == "restarting 0"
    lab.ck("stop", name)
    reaches(lab, name, "exited 0 0")


def test_rm_f_ends_a_container_that_crashes_all_the_time(lab: Lab) -> None:
    for _ in range(5):
        name = lab.up("--restart always --restart-backoff min=1ms,max=1ms", "true")
        assert settled(lambda name=name: count(lab, name) > 2, True)  # type: ignore[misc]
        lab.fails("rm", name)
        lab.ck("rm", "-f", name)


def test_a_program_that_is_gone_is_tried_again(lab: Lab) -> None:
    name = lab.up(f"--restart on-failure:2 {QUICK} -v {lab.name}:/v", "sh", "-c", "rm /bin/sh; exit 3")
    reaches(lab, name, "exited 127 2")


ENDED = {"always": "running 0 0", "unless-stopped": "running 0 0", "on-failure": "running 0 0", "no": "exited 255 0"}
STOPPED = {
    "always": "running 0 1",
    "unless-stopped": "exited 137 0",
    "on-failure": "exited 137 0",
    "no": "exited 137 0",
}


@pytest.mark.parametrize("run_root_survives", [True, False])
def test_after_a_reboot_the_policies_decide(own_lab: Lab, run_root_survives: bool) -> None:
    lab = own_lab
    ran = {policy: lab.up(f"--restart {policy}") for policy in STOPPED}
    stopped = {policy: lab.up(f"--restart {policy}") for policy in STOPPED}
    lab.ck("stop", "-t", "0", *stopped.values())
    lab.daemon.reboot()
    if not run_root_survives:
        for path in lab.daemon.run_root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    lab.daemon.start()
    for policy, name in ran.items():
        restarted = "exited 255 0" if policy == "no" else "running 0 1"
        reaches(lab, name, restarted)
    for policy, name in stopped.items():
        reaches(lab, name, STOPPED[policy])


def test_an_engine_restart_decides_only_on_what_does_not_run(own_lab: Lab) -> None:
    lab = own_lab
    ran = {policy: lab.up(f"--restart {policy}") for policy in STOPPED}
    stopped = {policy: lab.up(f"--restart {policy}") for policy in STOPPED}
    waiting = lab.up("--restart always --restart-backoff min=1h,max=1h", "true")
    lab.ck("stop", "-t", "0", *stopped.values())
    lab.daemon.kill9()
    lab.daemon.start()
    for name in ran.values():
        reaches(lab, name, "running 0 0")
    for policy, name in stopped.items():
        reaches(lab, name, STOPPED[policy])
    reaches(lab, waiting, "restarting 0 0")


def memory(lab: Lab) -> int:
    """Bytes of ckd that are its own."""
    return sum(
        int(line.split()[1]) * 1024
        for line in Path(f"/proc/{lab.daemon.pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Private_Dirty")
    )


@pytest.mark.timeout(300)
def test_a_thousand_crashes_cost_nothing(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.up("--restart always --restart-backoff min=1ms,max=1ms", "false")

    def crashed(times: int) -> tuple[int, int]:
        """What ckd has of memory and of descriptors once it was restarted so often."""
        while count(lab, name) < times:
            time.sleep(0.1)
        return memory(lab), len(list(Path(f"/proc/{lab.daemon.pid}/fd").iterdir()))

    early, late = crashed(300), crashed(1000)
    lab.ck("stop", name)
    print("memory and descriptors after 300 and 1000 crashes:", early, late)
    assert late[0] - early[0] < 3_000_000  # 4 kB a restart; the ring of events is full by the first look
    assert abs(late[1] - early[1]) < 10
