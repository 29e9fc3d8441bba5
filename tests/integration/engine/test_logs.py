"""`logs`: drivers, rotation, times, following."""

from datetime import datetime

import pytest

from tests.integration.engine.lab import Lab

NUMBERS = ("sh", "-c", "for i in $(seq 20); do echo out $i; echo err $i >&2; done")


@pytest.mark.parametrize("driver", ["local", "json-file"])
def test_what_was_written_is_read(lab: Lab, driver: str) -> None:
    container = lab.up(f"--log-driver {driver}", *NUMBERS)
    lab.ck("wait", container)
    result = lab.daemon.ck("logs", container)
    assert result.out.splitlines() == [f"out {i}" for i in range(1, 21)]
    assert result.err.splitlines() == [f"err {i}" for i in range(1, 21)]
    tail = lab.daemon.ck("logs", "--tail", "3", container)
    assert len(tail.out + tail.err) == 21
    assert lab.ck("logs", "--tail", "0", container) == ""
    stamped = [line.split(" ", 1) for line in lab.ck("logs", "-t", container).splitlines()]
    moments = [moment for moment, _ in stamped]
    assert moments == sorted(moments) and all(datetime.fromisoformat(moment[:26] + "+00:00") for moment in moments)
    assert lab.ck("logs", "--since", moments[10], container).splitlines() == [
        line for moment, line in stamped if moment >= moments[10]
    ]
    assert lab.ck("logs", "--until", moments[10], container).splitlines() == [
        line for moment, line in stamped if moment <= moments[10]
    ]
    assert lab.ck("logs", "--since", "1h", "--until", "59m", container) == ""
    assert lab.ck("logs", "-f", container) == result.out


@pytest.mark.parametrize("driver", ["local", "json-file"])
def test_rotation(lab: Lab, driver: str) -> None:
    options = f"--log-driver {driver} --log-opt max-size=20k --log-opt max-file=3"
    container = lab.up(options, "sh", "-c", "seq 20000")
    lab.ck("wait", container)
    lines = lab.ck("logs", container).splitlines()
    assert 500 < len(lines) < 20_000
    assert lines == [str(number) for number in range(20_001 - len(lines), 20_001)]
    assert lab.ck("logs", "--tail", "2", container) == "19999\n20000\n"


def test_long_lines_come_back_whole(lab: Lab) -> None:
    for driver in ("local", "json-file"):
        script = "for n in 16383 16384 16385 100000; do head -c $n /dev/zero | tr '\\0' x; echo; done; printf end"
        container = lab.up(f"--log-driver {driver}", "sh", "-c", script)
        lab.ck("wait", container)
        lines = lab.ck("logs", container).split("\n")
        assert [len(line) for line in lines] == [16383, 16384, 16385, 100000, 3]


def test_following(lab: Lab) -> None:
    # Not `run -d -i`: only a stdin that a client was to attach to ends with that client.
    container = lab.make("-i", "cat")
    lab.ck("start", container)
    with lab.popen("logs", "-f", "--tail", "1", container) as follower, lab.popen("attach", container) as typist:
        assert typist.stdin is not None and follower.stdout is not None
        for line in (b"one\n", b"two\n"):
            typist.stdin.write(line)
            typist.stdin.flush()
            assert follower.stdout.readline() == line
        # A client that leaves does not end the input of a container that was started without one.
        lab.ck("kill", container)
        assert follower.stdout.read() == b"" and follower.wait(30) == 0


def test_drivers_that_are_none(lab: Lab) -> None:
    container = lab.up("--log-driver none", "echo", "gone")
    lab.ck("wait", container)
    assert "does not support reading" in lab.fails("logs", container)
    assert lab.run("--log-driver none", "echo", "seen").out == "seen\n"
    lab.refused("--log-driver nosuch", "nosuch")
    lab.refused("--log-opt nonsense=1", "nonsense")
    lab.refused("--log-opt max-size=many", "many")
