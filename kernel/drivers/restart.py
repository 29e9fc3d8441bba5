"""Restart supervisors: whether, and when, a container that ended is started again."""

from typing import Protocol, runtime_checkable

import attrs


@attrs.frozen(kw_only=True)
class Exit:
    """How a run ended. `exit_status` as a shell counts (128 + n for signal n); `ran_for` in seconds."""

    exit_status: int
    ran_for: float
    oom_killed: bool = False
    stopped_by_user: bool = False


@attrs.frozen(kw_only=True)
class History:
    """What went before: `restarts` in a row so far, and the last `backoff` in seconds (0 for none)."""

    restarts: int = 0
    backoff: float = 0.0


@attrs.frozen
class Restart:
    """Start again after so many seconds.

    `restarts` is the count to remember, reset by the policy when a run was long.
    """

    after: float
    restarts: int


@attrs.frozen
class Stop:
    """Leave it."""


@runtime_checkable
class RestartPolicy(Protocol):
    """Pure: the same arguments, the same decision."""

    name: str

    def check(self, maximum_retries: int) -> None:
        """Raises: InvalidArgument where this policy takes no such maximum."""

    def decide(self, history: History, maximum_retries: int, exit: Exit) -> Restart | Stop:
        """What to do now that the run has ended."""

    def starts_at_boot(self, *, stopped_by_user: bool) -> bool:
        """Whether a container that was running when the engine or the machine went down is started when it is back."""
