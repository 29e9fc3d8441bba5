"""--depends-on: at start, at boot, at restart, and in reverse at shutdown."""

from itertools import pairwise

import pytest

from tests.integration.engine.lab import Lab
from tests.support.census import settled

HEALTHY = "--health-interval 50ms --health-cmd 'test -e /tmp/well'"


def order(lab: Lab, *names: str, action: str = "start") -> list[str]:
    """Which of *names* did *action*, in order."""
    shown = lab.ck(
        *("events", "--since", "1h", "--until", "0s", "-f", "type=container", "-f", f"event={action}"),
        *("--format", "{{.Actor.Attributes.name}}"),
    )
    return [name for name in shown.split() if name in names]


def test_a_start_brings_up_what_is_needed_first(lab: Lab) -> None:
    base = lab.make()
    middle = lab.make(f"--depends-on {base}")
    top = lab.make(f"--depends-on {middle} --depends-on {base}:started")
    lab.ck("start", top)
    assert order(lab, base, middle, top) == [base, middle, top]


def test_run_waits_until_it_is_healthy(lab: Lab) -> None:
    db = lab.make(HEALTHY, "sh", "-c", "touch /tmp/well; sleep 1000")
    seen = lab.run(f"--depends-on {db}:healthy", "true")
    assert seen.code == 0, seen
    assert lab.inspect(db, "{{.State.Health.Status}}") == "healthy"


def test_a_job_is_waited_for_and_not_run_again(lab: Lab) -> None:
    job = lab.make("", "sh", "-c", "sleep 0.2; exit 0")
    for _ in range(2):
        assert lab.run(f"--depends-on {job}:exited-ok", "true").code == 0
    assert order(lab, job) == [job]


@pytest.mark.parametrize(
    ("options", "command", "condition", "sentence"),
    [
        ("", "exit 3", "exited-ok", "which ended with exit code 3"),
        ("", "exit 3", "healthy", "which has no health check"),
        ("--health-interval 20ms --health-retries 1 --health-cmd false", "sleep 1000", "healthy", "which is unhealthy"),
        (HEALTHY, "exit 4", "healthy", "which ended with exit code 4"),
    ],
)
def test_what_cannot_be_met_is_told(lab: Lab, options: str, command: str, condition: str, sentence: str) -> None:
    needed = lab.make(options, "sh", "-c", command)
    top = lab.make(f"--depends-on {needed}:{condition}")
    assert f"container {top} depends on {needed}, {sentence}" in lab.fails("start", top)
    assert lab.status(top) == "created 0"
    assert f"The last attempt failed: container {top} depends on {needed}, {sentence}" in lab.ck("why", top)


def test_with_rm_nothing_is_left_of_what_could_not_start(lab: Lab) -> None:
    lab.refused(f"--depends-on {lab.name}-nobody", "which does not exist")


def test_names_may_come_later_but_must_exist_at_the_start(lab: Lab) -> None:
    top = lab.make(f"--depends-on {lab.name}-later")
    assert f"depends on {lab.name}-later, which does not exist" in lab.fails("start", top)
    lab.ck("create", "--name", f"{lab.name}-later", lab.image, "sleep", "1000")
    lab.ck("start", top)


def test_cycles_are_refused_and_printed(lab: Lab) -> None:
    names = [f"{lab.name}-{letter}" for letter in "abc"]
    for name, needed in pairwise(names):
        lab.ck("create", "--name", name, "--depends-on", needed, lab.image, "true")
    sentence = f"dependency cycle: {names[2]} -> {names[0]} -> {names[1]} -> {names[2]}"
    made = lab.daemon.ck("create", "--name", names[2], "--depends-on", names[0], lab.image, "true", check=False)
    assert sentence in made.err and made.code == 1, made
    other = lab.make(f"--depends-on {names[0]}")
    assert sentence in lab.fails("rename", other, names[2])
    assert "invalid dependency 'db:well'" in lab.run("--depends-on db:well", "true").err


def test_it_can_be_stopped_and_removed_while_it_waits(lab: Lab) -> None:
    needed = lab.make(HEALTHY)
    top = lab.make(f"--depends-on {needed}:healthy")
    with lab.popen("start", top) as start:
        assert settled(lambda: lab.status(needed), "running 0") == "running 0"
        lab.ck("rm", "-f", top)
        lab.ck("exec", needed, "touch", "/tmp/well")
        assert start.wait(10) == 1


def test_boot_follows_the_order_and_so_does_the_shutdown_in_reverse(own_lab: Lab) -> None:
    lab = own_lab
    options = "--init --restart unless-stopped"
    db = lab.up(f"{options} --health-interval 50ms --health-cmd true")
    job = lab.up("", "true")
    web = lab.up(f"{options} --depends-on {db}:healthy --depends-on {job}:exited-ok")
    front = lab.up(f"{options} --depends-on {web}")
    lab.daemon.reboot()
    lab.daemon.start()
    for name in (db, web, front):
        assert settled(lambda name=name: lab.status(name), "running 0") == "running 0"  # type: ignore[misc]
    assert order(lab, db, web, front)[-3:] == [db, web, front]
    assert lab.status(job) == "exited 0"
    lab.ck("engine", "stop", "--all")
    lab.daemon.ended()
    lab.daemon.start()
    assert order(lab, db, web, front, action="die")[-3:] == [front, web, db]
    for name in (db, web, front):
        assert settled(lambda name=name: lab.status(name), "running 0") == "running 0"  # type: ignore[misc]


def test_a_shutdown_has_one_deadline_and_stops_the_unrelated_together(own_lab: Lab) -> None:
    """Their process 1 ignores TERM: one after another they would take a second each."""
    lab = own_lab
    stubborn = [lab.up("--stop-timeout 60") for _ in range(8)]
    lab.ck("engine", "stop", "--all", "--time", "1")
    lab.daemon.ended()
    lab.daemon.start()
    for name in stubborn:
        assert lab.status(name) == "exited 137"
        assert "The engine stopped it in order to go down (SIGTERM then SIGKILL; " in lab.ck("why", name)


def test_a_dependency_that_fails_at_boot_is_tried_again_by_the_policy(own_lab: Lab) -> None:
    lab = own_lab
    needed = lab.up(HEALTHY, "sh", "-c", "touch /tmp/well; sleep 1000")
    top = lab.up(
        f"--restart always --restart-backoff min=20ms,max=20ms --depends-on {needed}:healthy",
    )
    lab.ck("stop", "-t", "0", top)
    lab.daemon.kill9()
    lab.daemon.start()
    assert settled(lambda: lab.status(top), "running 0") == "running 0"
