"""Docker's restart policies: no, always, on-failure, unless-stopped. docs/restart.md has them as a table."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from ck.kernel.drivers.restart import Ending, Exit, History, OnUnhealthy, Restart, RestartPolicy, Stop, Terms
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart, in seconds. The defaults are Docker's, which has no jitter."""

    min: float = 0.1
    max: float = 60.0
    factor: float = 2.0
    jitter: float = 0.0  # the part of the wait that chance may add or take away
    reset_after: float = 10.0  # a run this long begins anew

    def after(self, last: float, ran_for: float) -> float:
        """The wait that follows a wait of *last* and a run of *ran_for*."""
        if last <= 0 or ran_for >= self.reset_after:
            return self.min
        return min(max(last * self.factor, self.min), self.max)

    def shifted(self, wait: float, chance: float) -> float:
        """*wait*, sooner or later by as much as *chance* in [0, 1) says."""
        return wait * (1 + self.jitter * (2 * chance - 1))


@attrs.define
class Policy:
    """See RestartPolicy."""

    name: str
    backoff: Backoff

    def check(self, terms: Terms) -> None:
        """See RestartPolicy."""
        if terms.maximum_retries < 0:
            raise InvalidArgument(f"maximum retry count cannot be negative: {terms.maximum_retries}")
        if terms.maximum_retries and self.name != "on-failure":
            raise InvalidArgument(
                f"maximum retry count {terms.maximum_retries} cannot be used with restart policy {self.name!r}, "
                "only with 'on-failure'"
            )
        if terms.backoff and self.name == "no" and terms.on_unhealthy is not OnUnhealthy.RESTART:
            raise InvalidArgument(f"a restart backoff {dict(terms.backoff)} has no use: the restart policy is 'no'")
        self._backoff(terms)

    def decide(self, history: History, terms: Terms, exit: Exit, chance: float = 0.5) -> Restart | Stop:
        """See RestartPolicy."""
        if not self._wants(history, terms, exit):
            return Stop()
        if history.engine_returned:
            return Restart(0.0, history.restarts + 1)
        backoff = self._backoff(terms)
        wait = backoff.after(history.backoff, exit.ran_for)
        return Restart(backoff.shifted(wait, chance), history.restarts + 1, wait)

    def _wants(self, history: History, terms: Terms, exit: Exit) -> bool:
        by_the_engine = exit.ending is Ending.UNHEALTHY
        asked_to_end = exit.ending is Ending.USER or (by_the_engine and terms.on_unhealthy is not OnUnhealthy.RESTART)
        if history.engine_returned:
            if self.name == "always":
                return True  # whoever ended it: that is the difference to unless-stopped
        elif exit.ending is Ending.SHUTDOWN:
            return False  # decided when the engine is back
        if asked_to_end:
            return False
        if self.name == "on-failure":
            failed = exit.exit_status != 0 or by_the_engine
            return failed and (terms.maximum_retries == 0 or history.restarts < terms.maximum_retries)
        return self.name != "no" or by_the_engine

    def _backoff(self, terms: Terms) -> Backoff:
        """The engine's numbers with those of the container in place. Raises: InvalidArgument."""
        return (
            _changed(self.backoff, terms.backoff, f"the restart policy {self.name!r}")
            if terms.backoff
            else self.backoff
        )


def _changed(backoff: Backoff, options: Mapping[str, Any], whose: str) -> Backoff:
    fields = attrs.fields_dict(Backoff)
    for option, value in options.items():
        if option not in fields:
            raise InvalidArgument(f"unknown option {option!r} for {whose}: there are {', '.join(fields)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidArgument(f"option {option!r} of {whose} must be a number, not {value!r}")
    changed = attrs.evolve(backoff, **options)
    if changed.min <= 0 or changed.max < changed.min or changed.factor < 1 or changed.jitter > 1:
        raise InvalidArgument(f"{whose} needs 0 < min <= max, factor >= 1 and jitter <= 1, not {dict(options)}")
    return changed


def _make(name: str, options: Options) -> RestartPolicy:
    return Policy(name, _changed(Backoff(), options, f"the restart policy {name!r}"))


@hookimpl
def ck_register_restart() -> Mapping[str, Callable[[Options], RestartPolicy]]:
    """Offer Docker's policies. Options: min, max, reset_after (seconds), factor and jitter of the backoff."""
    return {name: partial(_make, name) for name in ("no", "always", "on-failure", "unless-stopped")}
