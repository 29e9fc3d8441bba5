"""The rules of health checks, as Docker has them: when the next probe is due, and what a result means. Pure."""

import math
from typing import Final

import attrs

from ck.kernel.api.container import Health, HealthcheckConfig, HealthRecord, HealthStatus
from ck.kernel.errors import InvalidArgument

_NANO: Final = 1_000_000_000
_MILLI: Final = 1_000_000
_LONGEST_BEAT: Final = 0.5  # seconds
_KEPT: Final = 5  # probes that `inspect` shows


@attrs.frozen(kw_only=True)
class Check:
    """A health check with every default in place; seconds."""

    test: tuple[str, ...]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    start_interval: float = 5.0
    retries: int = 3


def check_of(config: HealthcheckConfig | None) -> Check | None:
    """The check that is to be made, None where there is none."""
    if config is None or config.test in ((), ("NONE",)):
        return None
    given = {
        name: getattr(config, name) / _NANO
        for name in ("interval", "timeout", "start_period", "start_interval")
        if getattr(config, name)
    }
    if config.retries:
        return Check(test=config.test, retries=config.retries, **given)
    return Check(test=config.test, **given)


def check_durations(config: HealthcheckConfig) -> None:
    """Raises: InvalidArgument in Docker's words."""
    for name in ("interval", "timeout", "start_period", "start_interval"):
        value = getattr(config, name)
        if value and value < _MILLI:
            spelled = name.replace("_", " ").title().replace(" ", "")
            raise InvalidArgument(f"{spelled} in Healthcheck cannot be less than one millisecond: {value} ns")
    if config.retries < 0:
        raise InvalidArgument(f"Retries in Healthcheck cannot be negative: {config.retries}")


def wait_before_next(check: Check, health: Health, age: float) -> float:
    """Seconds from one probe to the next, *age* seconds after the start."""
    starting = health.status is HealthStatus.STARTING and age < check.start_period
    return check.start_interval if starting else check.interval


def on_the_beat(due: float, wait: float) -> float:
    """A moment shortly after *due* that other containers share: probes in one go cost less than as many wake-ups."""
    beat = min(wait / 10, _LONGEST_BEAT)
    return math.ceil(due / beat) * beat


def judge(check: Check, health: Health, record: HealthRecord, age: float) -> Health:
    """The health after one more probe, which began *age* seconds after the start.

    A failure within the start period counts only once the container was healthy.
    """
    log = (*health.log, record)[-_KEPT:]
    if record.exit_code == 0:
        return Health(status=HealthStatus.HEALTHY, log=log)
    if health.status is HealthStatus.STARTING and age < check.start_period:
        return attrs.evolve(health, log=log)
    streak = health.failing_streak + 1
    status = HealthStatus.UNHEALTHY if streak >= check.retries else health.status
    return Health(status=status, failing_streak=streak, log=log)
