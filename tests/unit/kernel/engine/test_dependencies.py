from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import (
    Container,
    ContainerConfig,
    ContainerState,
    Health,
    HealthcheckConfig,
    HealthStatus,
)
from ck.kernel.engine.dependencies import Condition, Dependency, Verdict, find_cycle, judge, parse_dependency
from ck.kernel.errors import InvalidArgument
from ck.kernel.lifecycle import State
from tests.support.records import container

CHECK = ContainerConfig(image="x", healthcheck=HealthcheckConfig(test=("CMD", "true")))


def with_state(status: State, *, code: int = 0, health: HealthStatus | None = None, checked: bool = True) -> Container:
    state = ContainerState(
        status=status,
        exit_code=code,
        pid=1 if status is State.RUNNING else 0,
        health=Health(status=health) if health else None,
    )
    target = container(state=state)
    return attrs.evolve(target, config=CHECK) if checked else target


@pytest.mark.parametrize(
    ("text", "dependency"),
    [
        ("db", Dependency("db", Condition.STARTED)),
        ("db:started", Dependency("db", Condition.STARTED)),
        ("db:healthy", Dependency("db", Condition.HEALTHY)),
        ("migrate:exited-ok", Dependency("migrate", Condition.EXITED_OK)),
    ],
)
def test_texts(text: str, dependency: Dependency) -> None:
    assert parse_dependency(text) == dependency


@pytest.mark.parametrize("text", ["", ":healthy", "db:", "db:well", "db:healthy:started"])
def test_bad_texts_are_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidArgument, match=repr(text)):
        parse_dependency(text)


@pytest.mark.parametrize(
    ("condition", "target", "verdict"),
    [
        ("started", with_state(State.CREATED), Verdict.START),
        ("started", with_state(State.EXITED), Verdict.START),
        ("started", with_state(State.RUNNING), Verdict.MET),
        ("started", with_state(State.PAUSED), Verdict.MET),
        ("started", with_state(State.RESTARTING), Verdict.WAIT),
        ("healthy", with_state(State.CREATED), Verdict.START),
        ("healthy", with_state(State.RUNNING, checked=False), Verdict.FAILED),
        ("healthy", with_state(State.RUNNING, health=HealthStatus.STARTING), Verdict.WAIT),
        ("healthy", with_state(State.RUNNING, health=HealthStatus.HEALTHY), Verdict.MET),
        ("healthy", with_state(State.RUNNING, health=HealthStatus.UNHEALTHY), Verdict.FAILED),
        ("healthy", with_state(State.RESTARTING, health=HealthStatus.UNHEALTHY), Verdict.WAIT),
        ("exited-ok", with_state(State.CREATED), Verdict.START),
        ("exited-ok", with_state(State.RUNNING), Verdict.WAIT),
        ("exited-ok", with_state(State.EXITED, code=0), Verdict.MET),
        ("exited-ok", with_state(State.EXITED, code=3), Verdict.START),
    ],
)
def test_verdicts(condition: str, target: Container, verdict: Verdict) -> None:
    assert judge(Condition(condition), target) is verdict


def test_cycles_are_found_and_spelled() -> None:
    assert find_cycle("web", {"web": ["db"], "db": []}) == ()
    assert find_cycle("web", {"web": ["web"]}) == ["web", "web"]
    assert find_cycle("web", {"web": ["cache", "db"], "cache": [], "db": ["init"], "init": ["web"]}) == [
        "web",
        "db",
        "init",
        "web",
    ]
    assert find_cycle("web", {"web": ["a"], "a": ["b"], "b": ["a"]}) == ()  # not through web: somebody else's
    chain = {str(number): [str(number + 1)] for number in range(5000)}
    assert len(find_cycle("0", {**chain, "5000": ["0"]})) == 5002


NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4)))
def test_a_cycle_is_a_way_and_none_is_overlooked(needs: dict[str, list[str]]) -> None:
    reachable, added = set(needs.get("a", [])), True
    while added:
        more = {far for near in reachable for far in needs.get(near, [])}
        added = not more <= reachable
        reachable |= more
    cycle = find_cycle("a", needs)
    assert bool(cycle) == ("a" in reachable)
    if cycle:
        assert cycle[0] == cycle[-1] == "a"
        assert all(after in needs[before] for before, after in pairwise(cycle))
