from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import ContainerState, Health, HealthRecord, HealthStatus, HostConfig, Resources
from ck.kernel.drivers.restart import Ending
from ck.kernel.engine.why import HISTORY, explain
from ck.kernel.events import Event, Noun
from ck.kernel.lifecycle import State
from tests.support.records import container

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(seconds=30)


def event(action: str, cause: str = "user", **attributes: str) -> Event:
    return Event(
        noun=Noun.CONTAINER,
        action=action,
        subject="c",
        at=BEFORE,
        attributes=attributes,
        cause=cause,
        uid=1000,
        pid=77,
        program="ck",
    )


DIED = event("die", "exit", exitCode="137", signal="9", execDuration="3")
EXITED = ContainerState(status=State.EXITED, exit_code=137, signal=9, started_at=BEFORE, finished_at=BEFORE)


def reason(*events: Event, memory: int = 0) -> str:
    host = HostConfig(resources=Resources(memory=memory))
    ended = attrs.evolve(container(), state=EXITED, host_config=host)
    why = explain(ended, [event("create"), event("start"), *events], "The policy says no.", NOW)
    assert why.headline == "ended 30.0 s ago with exit code 137"
    assert why.reasons[-1] == "The policy says no."
    return why.reasons[0]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([event("kill", signal="9"), DIED], "ck (uid 1000, pid 77) ended it (SIGKILL; killed by SIGKILL)."),
        (
            [event("kill", signal="15"), event("kill", signal="9"), DIED],
            "ck (uid 1000, pid 77) ended it (SIGTERM then SIGKILL; killed by SIGKILL).",
        ),
        (
            [event("kill", Ending.UNHEALTHY, signal="15"), DIED],
            "The engine stopped it because its health check failed (SIGTERM; killed by SIGKILL).",
        ),
        (
            [event("kill", Ending.SHUTDOWN, signal="15"), DIED],
            "The engine stopped it in order to go down (SIGTERM; killed by SIGKILL).",
        ),
        (
            [DIED],
            "It was killed by SIGKILL, which did not come through the engine: the program itself, or a process on the "
            "host, sent it.",
        ),
        (
            [event("kill", signal="10"), event("die", "exit", exitCode="3")],
            "The program ended by itself (exit code 3).",
        ),
        (
            [event("die", "exit", exitCode="127")],
            "The program ended by itself (exit code 127), which shells use for a program that is not found.",
        ),
        (
            [event("die", "lost", exitCode="255")],
            "The machine went down while it ran, or someone cleared the engine's run root: nobody saw how it ended.",
        ),
    ],
)
def test_ends(events: list[Event], sentence: str) -> None:
    assert reason(*events) == sentence


def test_oom_names_the_limit() -> None:
    oom = event("oom", "exit")
    assert "memory limit of 64 MiB (killed by SIGKILL)" in reason(oom, DIED, memory=64 << 20)
    assert "the host's memory: it has no limit" in reason(oom, DIED)
    assert reason(oom, event("die", "exit", exitCode="137"), memory=64 << 20).endswith("OOM killer ended it.")
    assert reason(oom, event("die", "exit", exitCode="0"), memory=64 << 20) == (
        "The program ended by itself (exit code 0), after the kernel's OOM killer had killed a process in it, which "
        "had run out of its memory limit of 64 MiB."
    )


def test_a_running_container_tells_of_its_start_its_health_and_its_last_end() -> None:
    probe = HealthRecord(start=BEFORE, end=NOW, exit_code=1, output="curl: (7) refused\n")
    health = Health(status=HealthStatus.UNHEALTHY, failing_streak=4, log=(probe,))
    state = ContainerState(status=State.RUNNING, started_at=BEFORE, finished_at=BEFORE, health=health)
    running = attrs.evolve(container(), state=state, restart_count=2)
    why = explain(running, [event("start"), DIED, event("start", "restart policy")], "", NOW)
    assert why.headline == "running for 30.0 s, unhealthy, restarted 2 times"
    assert why.reasons[1:] == (
        "It was last started by the engine (restart policy).",
        "Its health check failed 4 times in a row, last with: curl: (7) refused",
    )


def test_a_failed_start_comes_first() -> None:
    state = ContainerState(status=State.CREATED, error="exec: no such program 'x'", exit_code=127)
    why = explain(attrs.evolve(container(), state=state), [event("create")], "", NOW)
    assert (why.headline, why.reasons) == (
        "could not be started",
        ("The last attempt failed: exec: no such program 'x'",),
    )


ACTIONS = ["create", "start", "die", "kill", "oom", "stop", "rename", "exec_start: sh", "health_status: healthy", "x"]


@given(
    status=st.sampled_from(State),
    actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(["user", "exit", *Ending])), max_size=40),
)
def test_any_history_of_any_container_is_told_in_one_screen(status: State, actions: list[tuple[str, str]]) -> None:
    state = attrs.evolve(EXITED, status=status)
    events = [event(action, cause, signal="9") for action, cause in actions]
    why = explain(attrs.evolve(container(), state=state), events, "", NOW)
    assert why.headline and all(why.reasons) and len(why.reasons) <= 4
    assert len(why.history) <= HISTORY and all(moment.text for moment in why.history)
