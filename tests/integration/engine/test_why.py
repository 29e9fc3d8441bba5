"""`ck why` and the journal of events: who did it is known afterwards, also to another engine."""

import json
import os
import signal

import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled


def why(lab: Lab, ref: str) -> str:
    return lab.ck("why", ref)


def ended(lab: Lab, ref: str) -> None:
    lab.daemon.ck("wait", ref)


def test_a_user_s_stop(lab: Lab) -> None:
    name = lab.up("--init")
    lab.ck("stop", name)
    text = why(lab, name)
    assert f"{name} (" in text and "ago with exit code 143" in text
    assert "(uid 0, pid " in text and "ended it (SIGTERM; " in text
    assert "The restart policy 'no' leaves it as it is." in text
    assert "SIGTERM by python" in text and "started by python" in text


def test_a_signal_from_elsewhere(lab: Lab) -> None:
    name = lab.up()
    os.kill(int(lab.inspect(name, "{{.State.Pid}}")), signal.SIGKILL)
    ended(lab, name)
    assert "killed by SIGKILL, which did not come through the engine" in why(lab, name)


def test_a_program_that_exits_with_137_was_not_killed(lab: Lab) -> None:
    name = lab.up("", "sh", "-c", "exit 137")
    ended(lab, name)
    assert "The program ended by itself (exit code 137)." in why(lab, name)


def test_oom(lab: Lab) -> None:
    name = lab.up("-m 8m", "tail", "/dev/zero")
    ended(lab, name)
    assert "It ran out of its memory limit of 8 MiB" in why(lab, name)


def test_a_failed_start(lab: Lab) -> None:
    name = lab.make("", "no-such-program")
    lab.fails("start", name)
    assert 'The last attempt failed: exec: "no-such-program"' in why(lab, name)


def test_an_unhealthy_container_and_its_restart(lab: Lab) -> None:
    options = "--init --health-interval 50ms --health-retries 1 --health-cmd false --on-unhealthy restart"
    name = lab.up(f"{options} --restart-backoff min=1h,max=1h")
    assert settled(lambda: lab.status(name), "restarting 143") == "restarting 143"
    text = why(lab, name)
    assert "waits to be started again in 3" in text
    assert "because its health check failed (SIGTERM; " in text
    assert "The restart policy 'no' starts it again 3600 s after its end." in text


def test_a_reboot(own_lab: Lab) -> None:
    name = own_lab.up()
    own_lab.daemon.reboot()
    own_lab.daemon.start()
    assert "The machine went down while it ran" in why(own_lab, name)


def test_format_and_unknown_names(lab: Lab) -> None:
    name = lab.make()
    assert json.loads(lab.ck("why", "--format", "json", name))["Name"] == name
    assert lab.ck("why", "--format", "{{.Headline}}", name) == "was never started\n"
    assert "No such container: nobody" in lab.fails("why", "nobody")


def test_events_survive_the_engine_and_are_read_on_by_cursor(own_lab: Lab) -> None:
    lab = own_lab
    name = lab.make()
    told = lab.ck("events", "--cursor", "0", "--until", "0s", "--format", "json")
    first = [json.loads(line) for line in told.splitlines()]
    assert [event["ck"]["cursor"] for event in first] == list(range(1, len(first) + 1))
    lab.daemon.kill9()
    lab.daemon.start()
    lab.ck("rename", name, f"{name}-2")
    last = first[-1]["ck"]["cursor"]
    rest = lab.ck("events", "--cursor", str(last), "--until", "0s")
    assert rest.startswith(f"{last + 1} ") and len(rest.splitlines()) == 1 and "rename" in rest
    event = json.loads(lab.ck("events", "--since", "1h", "--until", "0s", "-f", "event=rename", "--format", "json"))
    assert (event["ck"]["uid"], event["ck"]["cause"], event["ck"]["program"][:6]) == (0, "user", "python")


def test_a_reader_that_sleeps_loses_nothing(own_lab: Lab) -> None:
    """It is stopped while ten thousand events pass, and then has them all."""
    lab = own_lab
    name = lab.up()
    with lab.popen("events", "--cursor", "0", "--format", "{{.ck.cursor}} {{.Action}}", "-f", "event=rename") as reader:
        assert reader.stdout is not None
        os.kill(reader.pid, signal.SIGSTOP)
        renamed = rename_often(lab, name, 10_000)
        assert renamed == 10_000
        os.kill(reader.pid, signal.SIGCONT)
        seen = [reader.stdout.readline().split()[0] for _ in range(renamed)]
        assert len(set(seen)) == renamed and seen == sorted(seen, key=int)
        reader.kill()


def rename_often(lab: Lab, name: str, times: int) -> int:
    """Make *times* events on one connection."""
    import docker

    api = docker.APIClient(base_url=f"unix://{lab.daemon.socket}", version="1.44")
    spellings = (f"{name}-a", name)
    for number in range(times):
        api.rename(spellings[(number + 1) % 2], spellings[number % 2])
    return times


def test_a_cursor_that_the_journal_has_left_behind_is_told(own_lab: Lab) -> None:
    lab = own_lab
    lab.daemon.stop()
    lab.daemon.config.write_text(lab.daemon.config.read_text() + "[journal]\nmax_events = 100\n")
    lab.daemon.start()
    rename_often(lab, lab.make(), 2100)
    result = lab.daemon.ck("events", "--cursor", "5", "--until", "0s", check=False)
    assert "events 6 to " in result.err and "are no longer in the journal" in result.err, result


def test_a_cursor_from_elsewhere_is_refused(lab: Lab) -> None:
    assert "cursor 999999999 is past the newest event" in lab.fails("events", "--cursor", "999999999", "--until", "0s")


@pytest.mark.parametrize("value", ["-1", "x"])
def test_bad_cursors(lab: Lab, value: str) -> None:
    assert "cursor" in lab.fails("events", "--cursor", value, code=125)
