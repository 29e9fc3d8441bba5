"""Any life that a container can have, as its restart supervisor sees it: what it decides never breaks its promises."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ck.kernel.drivers.restart import Ending, Exit, History, OnUnhealthy, Restart, RestartPolicy, Stop, Terms
from ck.plugins.builtin.restart_policies import ck_register_restart

MIN, MAX, FACTOR, RESET = 0.5, 8.0, 3.0, 10.0


class Decisions(RuleBasedStateMachine):
    policy: RestartPolicy

    def __init__(self) -> None:
        super().__init__()
        self.runs = True
        self.history = History()
        self.by_user = False
        self.last: Restart | Stop | None = None
        self.ran = 0.0

    @initialize(
        name=st.sampled_from(["no", "always", "on-failure", "unless-stopped"]),
        maximum=st.integers(0, 4),
        action=st.sampled_from(OnUnhealthy),
        jitter=st.floats(0, 1),
    )
    def begin(self, name: str, maximum: int, action: OnUnhealthy, jitter: float) -> None:
        backoff = {"min": MIN, "max": MAX, "factor": FACTOR, "jitter": jitter, "reset_after": RESET}
        self.policy, self.jitter = ck_register_restart()[name](backoff), jitter
        self.terms = Terms(maximum_retries=maximum if name == "on-failure" else 0, on_unhealthy=action)

    @precondition(lambda self: self.runs)
    @rule(
        status=st.sampled_from([0, 1, 137, 139, 255]),
        ran_for=st.floats(0, 20),
        ending=st.sampled_from([Ending.PROGRAM, Ending.USER, Ending.UNHEALTHY, Ending.LOST]),
        chance=st.floats(0, 1, exclude_max=True),
    )
    def ends(self, status: int, ran_for: float, ending: Ending, chance: float) -> None:
        if ending is Ending.UNHEALTHY and self.terms.on_unhealthy is OnUnhealthy.NONE:
            return  # then the engine ends none
        self.by_user, self.ran, self.before = ending is Ending.USER, ran_for, self.history
        end = Exit(exit_status=status, ran_for=ran_for, ending=ending)
        self.last = self.policy.decide(self.history, self.terms, end, chance)
        self.runs = isinstance(self.last, Restart)
        if isinstance(self.last, Restart):
            self.history = History(restarts=self.last.restarts, backoff=self.last.backoff)
        if ending is Ending.PROGRAM and self.policy.name in ("always", "unless-stopped"):
            assert self.runs
        if ending is Ending.UNHEALTHY and self.terms.on_unhealthy is OnUnhealthy.STOP:
            assert not self.runs

    @precondition(lambda self: not self.runs)
    @rule()
    def user_starts(self) -> None:
        self.runs, self.history, self.last, self.by_user = True, History(), None, False

    @precondition(lambda self: not self.runs)
    @rule(status=st.sampled_from([0, 1, 137]))
    def engine_returns(self, status: int) -> None:
        ending = Ending.USER if self.by_user else Ending.PROGRAM
        returned = History(restarts=self.history.restarts, backoff=self.history.backoff, engine_returned=True)
        decision = self.policy.decide(returned, self.terms, Exit(exit_status=status, ran_for=1.0, ending=ending))
        if self.policy.name == "no":
            assert decision == Stop()
        elif self.policy.name == "always":
            assert isinstance(decision, Restart) and decision.after == 0
        elif self.by_user:
            assert decision == Stop()
        if isinstance(decision, Restart):
            self.runs, self.last, self.by_user = True, None, False
            self.history = History(restarts=decision.restarts, backoff=decision.backoff)

    @invariant()
    def promises(self) -> None:
        if self.by_user:
            assert not self.runs
        if self.terms.maximum_retries if hasattr(self, "terms") else 0:
            assert self.history.restarts <= self.terms.maximum_retries
        if isinstance(self.last, Restart):
            grown = MIN if self.before.backoff <= 0 or self.ran >= RESET else min(self.before.backoff * FACTOR, MAX)
            assert self.last.backoff == max(grown, MIN)
            assert abs(self.last.after - self.last.backoff) <= self.jitter * self.last.backoff + 1e-9


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
