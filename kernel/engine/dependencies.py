"""Which containers need which: `--depends-on NAME[:started|healthy|exited-ok]`. Pure."""

import enum
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ck.kernel.api.container import Container, HealthStatus
from ck.kernel.engine.health_rules import check_of
from ck.kernel.errors import InvalidArgument
from ck.kernel.lifecycle import ACTIVE, State


class Condition(enum.StrEnum):
    """What a container waits for in one that it depends on."""

    STARTED = "started"
    HEALTHY = "healthy"
    EXITED_OK = "exited-ok"


@attrs.frozen
class Dependency:
    """`ref` is a name or an ID, looked up when it is needed."""

    ref: str
    condition: Condition


class Verdict(enum.Enum):
    """What to do about a dependency."""

    MET = enum.auto()
    WAIT = enum.auto()
    START = enum.auto()
    FAILED = enum.auto()  # waiting does not help


_CONDITIONS: Final = ", ".join(Condition)


def parse_dependency(text: str) -> Dependency:
    """Raises: InvalidArgument with the text."""
    ref, colon, condition = text.partition(":")
    if not ref:
        raise InvalidArgument(f"invalid dependency {text!r}: it names no container")
    try:
        return Dependency(ref, Condition(condition) if colon else Condition.STARTED)
    except ValueError:
        raise InvalidArgument(f"invalid dependency {text!r}: the condition is one of {_CONDITIONS}") from None


def judge(condition: Condition, target: Container) -> Verdict:
    """How *target* stands to a container that depends on it."""
    status, health = target.state.status, target.state.health
    if status is State.RESTARTING:
        return Verdict.WAIT
    if condition is Condition.EXITED_OK:
        if status in ACTIVE:
            return Verdict.WAIT
        done = status is State.EXITED and target.state.exit_code == 0 and not target.state.error
        return Verdict.MET if done else Verdict.START
    if status not in ACTIVE:
        return Verdict.START
    if condition is Condition.STARTED:
        return Verdict.MET
    if check_of(target.config.healthcheck) is None:
        return Verdict.FAILED
    if health is None or health.status is HealthStatus.STARTING:
        return Verdict.WAIT
    return Verdict.MET if health.status is HealthStatus.HEALTHY else Verdict.FAILED


def find_cycle(start: str, needs: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The way from *start* back to itself along *needs* ("web", "db", "web"); empty where there is none."""
    path: list[str] = []
    finished: set[str] = set()
    # Depth first, by hand: a chain of a thousand containers must not exhaust Python's stack.
    branches = [iter([start])]
    while branches:
        name = next(branches[-1], None)
        if name is None:
            branches.pop()
            if path:
                finished.add(path.pop())
        elif name == start and path:
            return [*path, start]
        elif name not in finished and name not in path:
            path.append(name)
            branches.append(iter(needs.get(name, ())))
    return ()
