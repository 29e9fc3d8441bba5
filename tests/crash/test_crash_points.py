"""kill -9 at every moment of every verb: what it did is done or undone, nothing is left, and it can be done again.

The moments are found by watching each verb once: see tests/support/fault_points.py.
"""

import pytest

from tests.crash.stage import Stage
from tests.crash.verbs import VERBS, Verb
from tests.support.census import settled

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


def moments(stage: Stage, verb: Verb) -> list[str]:
    """Those that the verb passes when nothing goes wrong."""
    stage.revive()
    stage.clear()  # also what a test that failed has left
    verb.prepare(stage)
    assert verb.look(stage) == verb.undone
    stage.order("record")
    verb.act(stage)
    assert settled(lambda: verb.look(stage), verb.done) == verb.done
    found = stage.passed()
    stage.order("")
    assert found, f"no moment was seen: {stage.daemon.log_tail()}"
    stage.clear()
    assert stage.leaks() == []
    return found


def done_again(stage: Stage, verb: Verb) -> None:
    """Where it is undone it can be done; where it is done, asking again is a success or a refusal, and changes
    nothing."""
    undone = verb.look(stage) == verb.undone
    error = stage.attempt(lambda: verb.act(stage))
    if undone:
        assert error is None, error
    assert settled(lambda: verb.look(stage), verb.done) == verb.done


@pytest.mark.parametrize("name", VERBS)
def test_the_engine_is_killed(stage: Stage, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    verb = VERBS[name]
    points = moments(stage, verb)
    with capsys.disabled():
        print(f"\n{name}: {len(points)} moments: {', '.join(points)}")
    for number in range(1, len(points) + 1, verb.stride):
        verb.prepare(stage)
        stage.order(f"kill {number} ckd")
        stage.attempt(lambda: verb.act(stage))
        reached = (stage.passed() or ["before anything"])[-1]
        where = f"{name} was cut off at moment {number} of {len(points)}, {reached}"
        stage.revive()
        seen = settled(lambda: verb.look(stage) in (verb.undone, verb.done), True)
        assert seen, f"{where}: it is {verb.look(stage)}\n{stage.daemon.log_tail()}"
        assert stage.leaks() == [], where
        done_again(stage, verb)
        stage.clear()
        assert stage.leaks() == [], f"{where}, then done again and cleared"


@pytest.mark.parametrize("whom", ["forkserver", "shim"])
@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.needs_shim])
def test_a_helper_is_killed(stage: Stage, name: str, whom: str) -> None:
    """The engine lives on: the verb succeeds or fails, and the next one of its kind works."""
    verb = VERBS[name]
    points = moments(stage, verb)
    for number in range(1, len(points) + 1):
        verb.prepare(stage)
        stage.order(f"kill {number} {whom}")
        stage.attempt(lambda: verb.act(stage))
        where = f"the {whom} was killed at moment {number} of {len(points)} of {name}, {(stage.passed() or [''])[-1]}"
        stage.order("")
        # A container whose shim dies has ended with 137; what was stopped by a restart may not have come up again.
        further = {"shim": "exited 137", "forkserver": "exited 125" if name == "restart" else verb.done}
        allowed = {verb.undone, verb.done, further[whom]}
        seen = settled(lambda allowed=allowed: verb.look(stage) in allowed, True)  # type: ignore[misc]
        assert seen, f"{where}: it is {verb.look(stage)}\n{stage.daemon.log_tail()}"
        assert stage.leaks() == [], where
        stage.clear()
        assert stage.leaks() == [], f"{where}, then cleared"
        if whom == "shim":
            continue  # there is one for each container: the next has another
        verb.prepare(stage)
        done_again(stage, verb)
        stage.clear()
