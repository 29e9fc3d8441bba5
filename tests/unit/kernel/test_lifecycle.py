"""The table of states: closed, and without a dead end but by removal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import InvalidTransition
from ck.kernel.lifecycle import TRANSITIONS, Op, State, step


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


@given(st.sampled_from(State), st.sampled_from(Op))
def test_step_follows_the_table_or_refuses(state: State, op: Op) -> None:
    if op in TRANSITIONS[state]:
        assert step(state, op, "web") is TRANSITIONS[state][op]
    else:
        with pytest.raises(InvalidTransition, match=f"container 'web': container is {state.value}"):
            step(state, op, "web")


@given(st.lists(st.sampled_from(Op), max_size=30))
def test_whatever_happens_a_container_can_still_be_removed(ops: list[Op]) -> None:
    state = State.CREATED
    for op in ops:
        state = TRANSITIONS[state].get(op, state)
    if state in (State.RUNNING, State.PAUSED):
        state = step(state, Op.EXIT, "web")
    assert step(state, Op.REMOVE, "web") is State.REMOVING
