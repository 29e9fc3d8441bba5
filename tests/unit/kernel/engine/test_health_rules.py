from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.container import Health, HealthcheckConfig, HealthRecord, HealthStatus
from ck.kernel.engine.health_rules import Check, check_durations, check_of, judge, wait_before_next
from ck.kernel.errors import InvalidArgument

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WELL, SICK = 0, 1


def record(code: int) -> HealthRecord:
    return HealthRecord(start=NOW, end=NOW, exit_code=code, output="")


def lived(check: Check, *probes: tuple[int, float]) -> Health:
    health = Health()
    for code, age in probes:
        health = judge(check, health, record(code), age)
    return health


def test_defaults_are_docker_s() -> None:
    assert check_of(HealthcheckConfig(test=("CMD", "true"))) == Check(
        test=("CMD", "true"), interval=30, timeout=30, start_period=0, start_interval=5, retries=3
    )
    assert check_of(None) is None
    assert check_of(HealthcheckConfig(test=("NONE",))) is None
    assert check_of(HealthcheckConfig(interval=5)) is None
    given = HealthcheckConfig(test=("TCP", "80"), interval=2_000_000_000, retries=1, start_interval=500_000_000)
    assert check_of(given) == Check(test=("TCP", "80"), interval=2, retries=1, start_interval=0.5)


def test_three_failures_in_a_row_make_it_unhealthy_and_one_success_well_again() -> None:
    check = Check(test=("CMD", "x"))
    assert lived(check, (SICK, 1), (SICK, 2)).status is HealthStatus.STARTING
    assert lived(check, (SICK, 1), (SICK, 2), (WELL, 3), (SICK, 4), (SICK, 5)).status is HealthStatus.HEALTHY
    sick = lived(check, (SICK, 1), (SICK, 2), (SICK, 3))
    assert (sick.status, sick.failing_streak) == (HealthStatus.UNHEALTHY, 3)
    well = judge(check, sick, record(WELL), 4)
    assert (well.status, well.failing_streak) == (HealthStatus.HEALTHY, 0)


def test_the_start_period_forgives_until_the_first_success() -> None:
    check = Check(test=("CMD", "x"), start_period=10, retries=1, start_interval=1, interval=7)
    starting = lived(check, (SICK, 1), (SICK, 2), (SICK, 9.9))
    assert (starting.status, starting.failing_streak) == (HealthStatus.STARTING, 0)
    assert wait_before_next(check, starting, 9.9) == 1
    assert wait_before_next(check, starting, 10) == 7
    assert lived(check, (SICK, 10)).status is HealthStatus.UNHEALTHY
    assert lived(check, (WELL, 1), (SICK, 2)).status is HealthStatus.UNHEALTHY
    assert wait_before_next(check, lived(check, (WELL, 1)), 2) == 7


@given(
    retries=st.integers(1, 5),
    start_period=st.floats(0, 20),
    codes=st.lists(st.sampled_from([-1, 0, 1, 137]), max_size=30),
)
def test_laws(retries: int, start_period: float, codes: list[int]) -> None:
    check, health = Check(test=("CMD", "x"), retries=retries, start_period=start_period), Health()
    for age, code in enumerate(codes):
        before, health = health, judge(check, health, record(code), age)
        assert len(health.log) <= 5 and health.log[-1].exit_code == code
        if code == 0:
            assert (health.status, health.failing_streak) == (HealthStatus.HEALTHY, 0)
        else:
            assert health.status in (before.status, HealthStatus.UNHEALTHY)
            assert (health.status is HealthStatus.UNHEALTHY) >= (health.failing_streak >= retries)


@pytest.mark.parametrize("field", ["interval", "timeout", "start_period", "start_interval"])
def test_durations_below_a_millisecond_are_refused(field: str) -> None:
    def check(value: int) -> HealthcheckConfig:
        changed: dict[str, Any] = {field: value}
        return HealthcheckConfig(**changed)

    check_durations(check(1_000_000))
    for value in (999_999, -1):
        with pytest.raises(InvalidArgument, match=str(value)):
            check_durations(check(value))


def test_negative_retries_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="-1"):
        check_durations(HealthcheckConfig(retries=-1))
