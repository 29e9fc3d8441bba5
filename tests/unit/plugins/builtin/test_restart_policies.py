from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.restart import Ending, Exit, History, OnUnhealthy, Restart, RestartPolicy, Stop, Terms
from ck.kernel.errors import InvalidArgument
from ck.kernel.testing.restart import check_restart_policy
from ck.plugins.builtin.restart_policies import ck_register_restart
from tests.support.restart_table import ENDS, RETURNS, with_tables

NAMES = ("no", "always", "on-failure", "unless-stopped")
PAGE = Path(__file__).resolve().parents[4] / "docs" / "restart.md"


def make(name: str, **options: float) -> RestartPolicy:
    return ck_register_restart()[name](options)


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name: str) -> None:
    assert make(name).name == name
    check_restart_policy(make(name))


def test_the_table_in_the_docs_is_what_the_code_does() -> None:
    assert with_tables(PAGE.read_text()) == PAGE.read_text(), "run ./dev docs"


@pytest.mark.parametrize(
    ("name", "ends", "returns"),
    [
        # A letter for each of ENDS and RETURNS, in order.
        ("no", "------R-", "------"),
        ("always", "RRRR--R-", "RRRRRR"),
        ("unless-stopped", "RRRR--R-", "RRRRR-"),
        ("on-failure", "-RRR--R-", "R-R-R-"),
    ],
)
def test_what_is_started_again(name: str, ends: str, returns: str) -> None:
    policy = make(name)

    def letters(cases: list[tuple[Exit, OnUnhealthy]], history: History) -> str:
        decisions = [policy.decide(history, Terms(on_unhealthy=action), end) for end, action in cases]
        return "".join("R" if isinstance(decision, Restart) else "-" for decision in decisions)

    assert letters(list(ENDS.values()), History()) == ends
    assert letters(list(RETURNS.values()), History(engine_returned=True)) == returns


def test_backoff_doubles_up_to_a_minute() -> None:
    policy, history, waits = make("always"), History(), []
    for _ in range(12):
        decision = policy.decide(history, Terms(), Exit(exit_status=0, ran_for=0.5))
        assert isinstance(decision, Restart)
        waits.append(decision.after)
        history = History(restarts=decision.restarts, backoff=decision.backoff)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])
    assert history.restarts == 12
    assert policy.decide(history, Terms(), Exit(exit_status=0, ran_for=10.0)) == Restart(0.1, 13, 0.1)


@given(restarts=st.integers(0, 20), maximum=st.integers(0, 10), ending=st.sampled_from(Ending), back=st.booleans())
def test_on_failure_never_exceeds_its_maximum(restarts: int, maximum: int, ending: Ending, back: bool) -> None:
    end = Exit(exit_status=1, ran_for=0.1, ending=ending)
    terms = Terms(maximum_retries=maximum, on_unhealthy=OnUnhealthy.RESTART)
    decision = make("on-failure").decide(History(restarts=restarts, engine_returned=back), terms, end)
    if 0 < maximum <= restarts:
        assert decision == Stop()
    elif ending is Ending.PROGRAM:
        assert isinstance(decision, Restart) and decision.restarts == restarts + 1


@given(
    chance=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
    runs=st.lists(st.floats(0, 20), min_size=1, max_size=30),
)
def test_waits_stay_within_their_bounds(chance: float, jitter: float, runs: list[float]) -> None:
    policy, history = make("always", min=0.5, max=8, jitter=jitter, factor=3), History()
    for ran_for in runs:
        decision = policy.decide(history, Terms(), Exit(exit_status=1, ran_for=ran_for), chance)
        assert isinstance(decision, Restart)
        assert 0.5 <= decision.backoff <= 8
        assert decision.backoff * (1 - jitter) <= decision.after <= decision.backoff * (1 + jitter)
        history = History(restarts=decision.restarts, backoff=decision.backoff)


@pytest.mark.parametrize("name", NAMES)
def test_only_on_failure_takes_a_maximum(name: str) -> None:
    make(name).check(Terms())
    with pytest.raises(InvalidArgument, match="-3"):
        make(name).check(Terms(maximum_retries=-3))
    if name == "on-failure":
        make(name).check(Terms(maximum_retries=5))
    else:
        with pytest.raises(InvalidArgument, match="on-failure"):
            make(name).check(Terms(maximum_retries=5))


def test_backoff_is_configurable_for_the_engine_and_for_one_container() -> None:
    policy = make("always", min=1, max=2, factor=3, reset_after=100)
    end = Exit(exit_status=0, ran_for=50)
    assert policy.decide(History(), Terms(), end) == Restart(1, 1, 1)
    assert policy.decide(History(restarts=1, backoff=1), Terms(), end) == Restart(2, 2, 2)
    own = Terms(backoff={"max": 30})
    assert policy.decide(History(restarts=1, backoff=1), own, end) == Restart(3, 2, 3)


BAD = [
    {"speed": 1},
    {"min": -1},
    {"min": 0},
    {"min": "x"},
    {"min": True},
    {"min": 5, "max": 1},
    {"factor": 0.5},
    {"jitter": 1.5},
]


@pytest.mark.parametrize("options", BAD, ids=str)
def test_bad_numbers_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        make("always", **options)
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        make("always").check(Terms(backoff=options))


def test_a_backoff_without_restarts_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no use"):
        make("no").check(Terms(backoff={"max": 3}))
    make("no").check(Terms(backoff={"max": 3}, on_unhealthy=OnUnhealthy.RESTART))
