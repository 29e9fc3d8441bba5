"""Finding and executing the program, and what is said when that fails; process 1 of `--init`."""

import signal
import statistics
from collections.abc import Callable

import pytest

from tests.integration.runtime_init.outcome import Runner, Spec, SpecOf


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("foo", 127, 'exec: "foo": not found in $PATH of the image'),
        ("/x/y", 127, 'exec: "/x/y": no such file or directory'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory'),
        (
            "/bad-script",
            127,
            'exec: "/bad-script": its interpreter "/bin/nosuch" does not exist: no such file or directory',
        ),
        ("/no-format", 126, 'exec: "/no-format": exec format error'),
    ],
)
@pytest.mark.parametrize("init", ["false", "true"])
def test_why_it_cannot_be_executed(
    run: Runner, spec_of: SpecOf, program: str, code: int, message: str, init: str
) -> None:
    spec = spec_of(program)
    spec["annotations"]["ck.init"] = init
    outcome = run(spec)
    assert outcome.failure is not None
    assert (outcome.failure["message"], outcome.failure["exit_code"]) == (message, code)


def test_the_exit_status_is_the_programs(run: Runner, spec_of: SpecOf) -> None:
    assert run(spec_of("sh", "-c", "exit 42")).code == 42


def test_a_working_directory_that_is_a_file(run: Runner, spec_of: SpecOf) -> None:
    spec = spec_of("true")
    spec["process"]["cwd"] = "/etc/passwd"
    failure = run(spec).failed
    assert failure["message"] == 'cannot change to the working directory "/etc/passwd": not a directory'
    assert failure["exit_code"] == 126


def with_init(spec: Spec) -> Spec:
    spec["annotations"]["ck.init"] = "true"
    return spec


def test_init_runs_the_program_as_its_child_and_exits_with_its_status(run: Runner, spec_of: SpecOf) -> None:
    outcome = run(with_init(spec_of("sh", "-c", "echo $$; cat /proc/1/comm; ls /proc/$$/fd; exit 7")))
    assert outcome.code == 7
    pid, name, *fds = outcome.stdout.split()
    assert int(pid) > 1
    assert (name, fds) == ("ck-init", ["0", "1", "2"])


def test_init_tells_death_by_signal(run: Runner, spec_of: SpecOf) -> None:
    assert run(with_init(spec_of("sh", "-c", "kill -9 $$"))).code == 128 + 9


def test_init_forwards_signals(run: Runner, spec_of: SpecOf) -> None:
    script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    outcome = run(with_init(spec_of("sh", "-c", script)), signals=[signal.SIGTERM])
    assert (outcome.stdout, outcome.code) == ("ready\ngot it\n", 3)


def test_init_reaps_orphans(run: Runner, spec_of: SpecOf) -> None:
    script = "sh -c 'true & true & exit 0'; sleep 0.2; ps -o stat,comm"
    outcome = run(with_init(spec_of("sh", "-c", script)))
    assert "Z" not in {line.split()[0] for line in outcome.stdout.splitlines()}


def test_the_hosts_python_is_out_of_reach_behind_init(run: Runner, spec_of: SpecOf) -> None:
    outcome = run(
        with_init(spec_of("sh", "-c", "ls /proc/1/fd; readlink /proc/1/exe; ls /proc/1/root; cat /proc/1/environ"))
    )
    assert outcome.stdout.split() == ["0", "1", "2"]
    assert outcome.stderr.count("Permission denied") >= 2


def test_fork_to_exec_time_is_told(
    run: Runner, spec_of: SpecOf, record_property: Callable[[str, object], None]
) -> None:
    """No assertion on time: the benchmark has the bar."""
    times = [run(spec_of("true")).executed_after or 0.0 for _ in range(3)]
    record_property("fork_to_exec_ms", statistics.median(times) * 1000)
    assert all(times)
