"""Docker's restart policies: no, always, on-failure, unless-stopped."""

from collections.abc import Callable, Mapping
from functools import partial

import attrs

from ck.kernel.drivers.restart import Exit, History, Restart, RestartPolicy, Stop
from ck.kernel.errors import InvalidArgument
from ck.kernel.hookspecs import Options, hookimpl


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart, in seconds. The defaults are Docker's."""

    min: float = 0.1
    max: float = 60.0
    factor: float = 2.0
    reset_after: float = 10.0  # a run this long begins anew

    def after(self, last: float, ran_for: float) -> float:
        """The wait that follows a wait of *last* and a run of *ran_for*."""
        if last <= 0 or ran_for >= self.reset_after:
            return self.min
        return min(last * self.factor, self.max)


@attrs.define
class Policy:
    """See RestartPolicy."""

    name: str
    backoff: Backoff

    def check(self, maximum_retries: int) -> None:
        """See RestartPolicy."""
        if maximum_retries < 0:
            raise InvalidArgument(f"maximum retry count cannot be negative: {maximum_retries}")
        if maximum_retries and self.name != "on-failure":
            raise InvalidArgument(
                f"maximum retry count {maximum_retries} cannot be used with restart policy {self.name!r}, "
                "only with 'on-failure'"
            )

    def decide(self, history: History, maximum_retries: int, exit: Exit) -> Restart | Stop:
        """See RestartPolicy."""
        if exit.stopped_by_user or not self._wants(history.restarts, maximum_retries, exit.exit_status):
            return Stop()
        return Restart(self.backoff.after(history.backoff, exit.ran_for), history.restarts + 1)

    def starts_at_boot(self, *, stopped_by_user: bool) -> bool:
        """See RestartPolicy."""
        return self.name == "always" or (self.name == "unless-stopped" and not stopped_by_user)

    def _wants(self, restarts: int, maximum_retries: int, exit_status: int) -> bool:
        if self.name == "on-failure":
            return exit_status != 0 and (maximum_retries == 0 or restarts < maximum_retries)
        return self.name != "no"


def _make(name: str, options: Options) -> RestartPolicy:
    fields = attrs.fields_dict(Backoff)
    for option, value in options.items():
        if option not in fields or name == "no":
            raise InvalidArgument(f"unknown option {option!r} for the restart policy {name!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidArgument(f"option {option!r} of the restart policy {name!r} must be a number, not {value!r}")
    backoff = Backoff(**options)
    if backoff.min <= 0 or backoff.max < backoff.min or backoff.factor < 1:
        raise InvalidArgument(f"restart policy {name!r} needs 0 < min <= max and factor >= 1, not {dict(options)}")
    return Policy(name, backoff)


@hookimpl
def ck_register_restart() -> Mapping[str, Callable[[Options], RestartPolicy]]:
    """Offer Docker's policies. Options: min, max, reset_after (seconds) and factor of the backoff."""
    return {name: partial(_make, name) for name in ("no", "always", "on-failure", "unless-stopped")}
