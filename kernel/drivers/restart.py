"""Restart supervisors: whether, and when, a container that ended is started again."""

import enum
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import attrs


class Ending(enum.StrEnum):
    """Who or what ended a run."""

    PROGRAM = "program"  # it exited, or a signal from elsewhere or the OOM killer ended it
    USER = "user"  # somebody asked the engine to stop or to kill it
    UNHEALTHY = "unhealthy"  # the engine, because its health check failed
    SHUTDOWN = "shutdown"  # the engine, which went down and stopped all that ran
    LOST = "lost"  # the machine went down, and nobody saw how it ended


class OnUnhealthy(enum.StrEnum):
    """What the engine does with a container whose health check fails."""

    NONE = "none"
    RESTART = "restart"
    STOP = "stop"


@attrs.frozen(kw_only=True)
class Exit:
    """How a run ended. `exit_status` as a shell counts (128 + n for signal n); `ran_for` in seconds."""

    exit_status: int
    ran_for: float
    oom_killed: bool = False
    ending: Ending = Ending.PROGRAM


@attrs.frozen(kw_only=True)
class History:
    """What went before: `restarts` in a row so far, and the last `backoff` in seconds (0 for none).

    `engine_returned`: the run ended, and the engine has come back since; whatever was decided then is past.
    """

    restarts: int = 0
    backoff: float = 0.0
    engine_returned: bool = False


@attrs.frozen(kw_only=True)
class Terms:
    """What one container asks of its supervisor.

    `maximum_retries` 0 is no maximum; `backoff` are its own numbers, by the names of the supervisor's options.
    """

    maximum_retries: int = 0
    on_unhealthy: OnUnhealthy = OnUnhealthy.NONE
    backoff: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen
class Restart:
    """Start again after so many seconds.

    `restarts` and `backoff` are what to remember as the next History: the wait before chance had its part in it.
    """

    after: float
    restarts: int
    backoff: float = 0.0


@attrs.frozen
class Stop:
    """Leave it."""


@runtime_checkable
class RestartPolicy(Protocol):
    """Pure: the same arguments, the same decision. Conformance: ck.kernel.testing.restart."""

    name: str

    def check(self, terms: Terms) -> None:
        """Raises: InvalidArgument where this supervisor takes no such terms, with the value."""

    def decide(self, history: History, terms: Terms, exit: Exit, chance: float = 0.5) -> Restart | Stop:
        """What to do now that the run has ended. *chance*, in [0, 1), is the caller's throw of the dice for jitter."""
