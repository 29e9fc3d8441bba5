"""Further processes in a running container."""

import os

from ck.kernel.drivers.runtime import ExecRequest, TerminalSize
from tests.integration.runtime_init.outcome import Outcome, Runner, Spec, SpecOf

KINDS = "mnt pid uts ipc net cgroup"


def request(spec: Spec, *argv: str, user: str = "", **process: object) -> ExecRequest:
    return ExecRequest(
        exec_id="e",
        process={**spec["process"], "args": list(argv), **process},
        user=user,
        size=TerminalSize(rows=20, columns=70),
    )


def run_exec(run: Runner, spec_of: SpecOf, *argv: str, user: str = "", **process: object) -> Outcome:
    spec = spec_of("cat")
    return run(spec, execs=[request(spec, *argv, user=user, **process)]).execs[0]


def test_it_shares_everything_with_the_container(run: Runner, spec_of: SpecOf) -> None:
    script = (
        f"for kind in {KINDS}; do readlink /proc/1/ns/$kind; readlink /proc/self/ns/$kind; done; cat /proc/self/cgroup"
    )
    outcome = run_exec(run, spec_of, "sh", "-c", script)
    lines = outcome.stdout.splitlines()
    pairs = list(zip(lines[0:12:2], lines[1:12:2], strict=True))
    assert all(init == own for init, own in pairs)
    assert pairs[0][0] != os.readlink("/proc/self/ns/mnt")
    assert "0::/" in lines


def test_user_capabilities_seccomp_and_descriptors(run: Runner, spec_of: SpecOf) -> None:
    outcome = run_exec(
        run, spec_of, "sh", "-c", "id -u; id -G; cat /proc/self/status; ls /proc/$$/fd; true", user="alice", cwd="/tmp"
    )
    assert outcome.stdout.startswith("1000\n1000 29 44\n")
    assert "CapEff:\t0000000000000000" in outcome.stdout
    assert "Seccomp:\t2" in outcome.stdout
    assert outcome.stdout.split()[-3:] == ["0", "1", "2"]


def test_a_terminal(run: Runner, spec_of: SpecOf) -> None:
    outcome = run_exec(run, spec_of, "sh", "-c", "tty; stty size", terminal=True)
    assert outcome.stdout.split() == ["/dev/pts/0", "20", "70"]


def test_errors_are_the_same_sentences(run: Runner, spec_of: SpecOf) -> None:
    failure = run_exec(run, spec_of, "foo").failed
    assert failure["message"] == 'exec: "foo": not found in $PATH of the image'
    assert failure["exit_code"] == 127
    failure = run_exec(run, spec_of, "true", cwd="/nosuch").failed
    assert failure["message"] == 'cannot change to the working directory "/nosuch": no such file or directory'
    assert failure["exit_code"] == 127


def test_the_exit_status(run: Runner, spec_of: SpecOf) -> None:
    assert run_exec(run, spec_of, "sh", "-c", "exit 9").code == 9


def test_the_container_cannot_reach_the_host_through_it(run: Runner, spec_of: SpecOf) -> None:
    """By the working directory: a descriptor of the host's would lead out."""
    failure = run_exec(run, spec_of, "true", cwd="/proc/self/fd/7").failed
    assert "cannot change to the working directory" in failure["message"]
