"""`--pids-limit` and `--ulimit`."""

import pytest

from tests.integration.engine.lab import Lab

FORK = "for n in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done 2>&1; echo end"


def test_no_more_processes_than_allowed(lab: Lab) -> None:
    result = lab.run("--pids-limit 5 --init", "sh", "-c", FORK)
    assert "can't fork" in result.out + result.err


def test_as_many_as_allowed(lab: Lab) -> None:
    assert lab.out("--pids-limit 12", FORK) == "end\n"


def test_no_limit(lab: Lab) -> None:
    assert lab.out("--pids-limit -1", FORK) == "end\n"


def test_a_fork_bomb_does_no_harm(lab: Lab) -> None:
    name = lab.up("--pids-limit 20", "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000")
    assert len(lab.ck("top", name, "-eo", "pid").splitlines()) <= 21
    lab.ck("rm", "-f", name)


@pytest.mark.parametrize(
    ("ulimit", "letter", "shown"),
    [("nofile=64:128", "n", "64 128"), ("core=0", "c", "0 0"), ("nproc=7:9", "u", "7 9"), ("fsize=8192", "f", "16 16")],
)
def test_ulimits(lab: Lab, ulimit: str, letter: str, shown: str) -> None:
    script = f"echo $(ulimit -S{letter}) $(ulimit -H{letter})"
    if letter == "u":
        script = "awk '/Max processes/ {print $3, $4}' /proc/self/limits"
    assert lab.out(f"--ulimit {ulimit}", script).split() == shown.split()


def test_a_file_beyond_its_ulimit(lab: Lab) -> None:
    script = "dd if=/dev/zero of=/f bs=1k count=100 2>/dev/null; stat -c %s /f"
    assert lab.out("--ulimit fsize=8192", script) == "8192\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--pids-limit 5000000", "--pids-limit 5000000 is refused by the kernel: Invalid argument"),
        ("--ulimit files=5", "invalid ulimit type 'files'"),
        ("--ulimit nofile=9:5", "soft limit"),
        ("--ulimit nofile", "invalid ulimit argument"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)
