import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.drivers.restart import Exit, History, Restart, RestartPolicy, Stop
from ck.kernel.errors import InvalidArgument
from ck.kernel.testing.restart import check_restart_policy
from ck.plugins.builtin.restart_policies import ck_register_restart

NAMES = ("no", "always", "on-failure", "unless-stopped")


def make(name: str, **options: float) -> RestartPolicy:
    return ck_register_restart()[name](options)


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name: str) -> None:
    assert make(name).name == name
    check_restart_policy(make(name))


@pytest.mark.parametrize(
    ("name", "success", "failure", "boot", "boot_stopped"),
    [
        ("no", False, False, False, False),
        ("always", True, True, True, True),
        ("on-failure", False, True, False, False),
        ("unless-stopped", True, True, True, False),
    ],
)
def test_what_is_started_again(name: str, success: bool, failure: bool, boot: bool, boot_stopped: bool) -> None:
    policy = make(name)

    def restarts(exit_status: int, stopped: bool = False) -> bool:
        end = Exit(exit_status=exit_status, ran_for=1.0, stopped_by_user=stopped)
        return isinstance(policy.decide(History(), 0, end), Restart)

    assert (restarts(0), restarts(1)) == (success, failure)
    assert not restarts(1, stopped=True)
    assert policy.starts_at_boot(stopped_by_user=False) == boot
    assert policy.starts_at_boot(stopped_by_user=True) == boot_stopped


def test_backoff_doubles_up_to_a_minute() -> None:
    policy, history, waits = make("always"), History(), []
    for _ in range(12):
        decision = policy.decide(history, 0, Exit(exit_status=0, ran_for=0.5))
        assert isinstance(decision, Restart)
        waits.append(decision.after)
        history = History(restarts=decision.restarts, backoff=decision.after)
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])
    assert history.restarts == 12
    assert policy.decide(history, 0, Exit(exit_status=0, ran_for=10.0)) == Restart(0.1, 13)


@given(restarts=st.integers(0, 20), maximum=st.integers(0, 10))
def test_on_failure_gives_up_after_its_maximum(restarts: int, maximum: int) -> None:
    decision = make("on-failure").decide(History(restarts=restarts), maximum, Exit(exit_status=1, ran_for=0.1))
    assert isinstance(decision, Stop) == (0 < maximum <= restarts)


@pytest.mark.parametrize("name", NAMES)
def test_only_on_failure_takes_a_maximum(name: str) -> None:
    make(name).check(0)
    with pytest.raises(InvalidArgument, match="-3"):
        make(name).check(-3)
    if name == "on-failure":
        make(name).check(5)
    else:
        with pytest.raises(InvalidArgument, match="on-failure"):
            make(name).check(5)


def test_backoff_is_configurable() -> None:
    policy = make("always", min=1, max=2, factor=3, reset_after=100)
    end = Exit(exit_status=0, ran_for=50)
    assert policy.decide(History(), 0, end) == Restart(1, 1)
    assert policy.decide(History(restarts=1, backoff=1), 0, end) == Restart(2, 2)


@pytest.mark.parametrize("options", [{"speed": 1}, {"min": -1}, {"min": "x"}, {"min": 5, "max": 1}, {"factor": 0.5}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        make("always", **options)
