"""What every restart supervisor must do."""

from itertools import product

from ck.kernel.drivers.restart import Ending, Exit, History, OnUnhealthy, Restart, RestartPolicy, Stop, Terms
from ck.kernel.errors import InvalidArgument


def check_restart_policy(policy: RestartPolicy) -> None:
    """Raises: AssertionError with a sentence that says what is wrong."""
    assert isinstance(policy, RestartPolicy), f"{policy!r} lacks methods of RestartPolicy"
    policy.check(Terms())
    try:
        policy.check(Terms(maximum_retries=-1))
    except InvalidArgument as error:
        assert "-1" in str(error), f"the error does not hold the refused value: {error}"
    else:
        raise AssertionError("a negative maximum of retries is not refused")
    cases = product((0, 1, 137), (0.0, 5.0, 3600.0), Ending, (False, True), OnUnhealthy, (False, True))
    for status, ran_for, ending, oom, action, returned in cases:
        end = Exit(exit_status=status, ran_for=ran_for, ending=ending, oom_killed=oom)
        _check_run(policy, Terms(on_unhealthy=action), end, returned=returned)


def _check_run(policy: RestartPolicy, terms: Terms, end: Exit, *, returned: bool) -> None:
    """Follow a hundred runs that all end so."""
    history = History(engine_returned=returned)
    for _ in range(100):
        decision = policy.decide(history, terms, end)
        assert decision == policy.decide(history, terms, end), "the same arguments do not give the same decision"
        if isinstance(decision, Stop):
            return
        assert isinstance(decision, Restart), f"{decision!r} is no decision"
        if not returned:
            assert end.ending is not Ending.USER, "what the user stopped is started again"
            assert end.ending is not Ending.SHUTDOWN, "what is stopped so that the engine can go down is started again"
        assert 0 <= decision.after < 24 * 3600, f"a restart after {decision.after} s"
        assert decision.restarts in (1, history.restarts + 1), f"{history.restarts} restarts become {decision.restarts}"
        history = History(restarts=decision.restarts, backoff=decision.backoff, engine_returned=returned)
