from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.api.stats import Sample
from ck.kernel.engine.earlier import APART_NS, Earlier
from ck.kernel.linux.cgroup import Accounts

MS = 1_000_000
USED = Accounts._make([0] * len(Accounts._fields))


def sample(at_ns: int, *, runs: bool = True) -> Sample:
    return Sample(container_id="a", name="a", at_ns=at_ns, accounts=USED if runs else None)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(0, 5000))
def test_whoever_looks_compares_with_the_newest_that_is_old_enough(gaps: list[int], started: int) -> None:
    """However close to each other others look: never with what is younger than that, and of a run as long as two
    intervals always with something, not much older than that where looks are that frequent."""
    earlier, at, looks = Earlier(), 0, list[int]()
    for gap in gaps:
        at += gap * MS
        if at < started * MS:
            continue
        before = earlier.before(sample(at), started * MS)
        old_enough = [look for look in looks if at - look >= APART_NS]
        assert (before is None) == (not old_enough)
        if before is not None:
            assert before.at_ns in old_enough
            # The kept ones are the first look of each interval.
            assert at - before.at_ns < 2 * APART_NS + max(gaps) * MS
        earlier.keep(sample(at), started * MS)
        looks.append(at)


def test_a_run_is_not_compared_with_the_one_before() -> None:
    earlier = Earlier()
    earlier.keep(sample(1000 * MS), 0)
    assert earlier.before(sample(9000 * MS), 5000 * MS) is None
    earlier.keep(sample(9000 * MS, runs=False), 5000 * MS)
    assert earlier.before(sample(99_000 * MS), 0) is None
