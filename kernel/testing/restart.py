"""What every restart supervisor must do."""

from itertools import product

from ck.kernel.drivers.restart import Exit, History, Restart, RestartPolicy, Stop
from ck.kernel.errors import InvalidArgument


def check_restart_policy(policy: RestartPolicy) -> None:
    """Raises: AssertionError with a sentence that says what is wrong."""
    assert isinstance(policy, RestartPolicy), f"{policy!r} lacks methods of RestartPolicy"
    policy.check(0)
    try:
        policy.check(-1)
    except InvalidArgument as error:
        assert "-1" in str(error), f"the error does not hold the refused value: {error}"
    else:
        raise AssertionError("a negative maximum of retries is not refused")
    for status, ran_for, stopped, oom in product((0, 1, 137), (0.0, 5.0, 3600.0), (False, True), (False, True)):
        _check_run(policy, Exit(exit_status=status, ran_for=ran_for, stopped_by_user=stopped, oom_killed=oom))
    if policy.starts_at_boot(stopped_by_user=True):
        assert policy.starts_at_boot(stopped_by_user=False), "only what the user stopped is started at boot"


def _check_run(policy: RestartPolicy, end: Exit) -> None:
    """Follow a hundred runs that all end so."""
    history = History()
    for _ in range(100):
        decision = policy.decide(history, 0, end)
        assert decision == policy.decide(history, 0, end), "the same arguments do not give the same decision"
        if isinstance(decision, Stop):
            return
        assert isinstance(decision, Restart), f"{decision!r} is no decision"
        assert not end.stopped_by_user, "what the user stopped is started again"
        assert 0 <= decision.after < 24 * 3600, f"a restart after {decision.after} s"
        assert decision.restarts in (1, history.restarts + 1), f"{history.restarts} restarts become {decision.restarts}"
        history = History(restarts=decision.restarts, backoff=decision.after)
