"""The container state machine: all that decides a transition is here; no I/O, no clock, no trio.

The states are Docker's (Docker Engine API, ContainerState.Status).
"""

import enum
from collections.abc import Mapping
from typing import Final

from ck.kernel.errors import InvalidTransition


class State(enum.StrEnum):
    """What a container is."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Op(enum.StrEnum):
    """What may happen to a container, whether asked for or not."""

    START = "start"
    PAUSE = "pause"
    RESUME = "unpause"
    EXIT = "exit"
    AWAIT_RESTART = "await restart"
    GIVE_UP = "give up restarting"
    REMOVE = "remove"
    FAIL_REMOVAL = "fail removal"


TRANSITIONS: Final[Mapping[State, Mapping[Op, State]]] = {
    State.CREATED: {Op.START: State.RUNNING, Op.REMOVE: State.REMOVING},
    State.RUNNING: {Op.PAUSE: State.PAUSED, Op.EXIT: State.EXITED},
    # cgroup v2 lets SIGKILL end a frozen task without a thaw, so an exit may arrive here too.
    State.PAUSED: {Op.RESUME: State.RUNNING, Op.EXIT: State.EXITED},
    State.EXITED: {Op.START: State.RUNNING, Op.AWAIT_RESTART: State.RESTARTING, Op.REMOVE: State.REMOVING},
    State.RESTARTING: {Op.START: State.RUNNING, Op.GIVE_UP: State.EXITED, Op.REMOVE: State.REMOVING},
    # A removal that a crash cut short is begun again; the record is deleted by the last step, so no state follows.
    State.REMOVING: {Op.REMOVE: State.REMOVING, Op.FAIL_REMOVAL: State.DEAD},
    State.DEAD: {Op.REMOVE: State.REMOVING},
}

ACTIVE: Final = frozenset({State.RUNNING, State.PAUSED})
"""States in which the container has processes."""


def step(state: State, op: Op, name: str) -> State:
    """Return the state of container *name* after *op*, or raise InvalidTransition."""
    if op not in TRANSITIONS[state]:
        raise InvalidTransition(f"cannot {op.value} container {name!r}: container is {state.value}")
    return TRANSITIONS[state][op]
