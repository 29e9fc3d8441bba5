"""What has happened: frozen facts in the past tense, published after the store has them.

One class covers a noun's events, because they differ in their words only; the words are Docker's (Docker Engine API,
SystemEvents), so that `ck events` shows what Docker's users know.
"""

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs

USER: Final = "user"
"""The cause of what somebody asked for."""


class Noun(enum.StrEnum):
    """What an event is about."""

    CONTAINER = "container"
    IMAGE = "image"
    VOLUME = "volume"
    NETWORK = "network"
    ENGINE = "daemon"


@attrs.frozen(kw_only=True)
class Event:
    """A fact. `subject` is the ID (a name for volumes and image tags); `attributes` are what Docker tells with it
    (name, image, exitCode, signal, labels, ...); `cause` is why ("user", "restart policy", "recovery")."""

    noun: Noun
    action: str  # "create", "start", "die", "exec_create: sh", ...
    subject: str
    at: datetime  # the caller's: events never read a clock, so tests need not fake one
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    cause: str = ""
    uid: int = 0
    pid: int = 0
    program: str = ""


@attrs.frozen
class Recorded:
    """An event in the journal. Cursors grow by at least one; the order is that in which the facts were committed."""

    cursor: int
    event: Event


EVENT_ORDER: Final[Mapping[str, frozenset[str]]] = {
    # action of a container -> at least one of these came before it, with no other of the table's keys in `between`
    "create": frozenset({""}),
    "start": frozenset({"create", "die"}),
    "pause": frozenset({"start", "unpause"}),
    "unpause": frozenset({"pause"}),
    "die": frozenset({"start", "pause", "unpause"}),
    "destroy": frozenset({"create", "die"}),
}
"""Which container events MUST follow which: an action's nearest predecessor among the keys is one of its values."""


def order_violations(events: Iterable[Event]) -> list[str]:
    """Sentences that tell where the events of containers break EVENT_ORDER; an empty list when none does."""
    last: dict[str, str] = {}
    violations = []
    for event in events:
        if event.noun is not Noun.CONTAINER or event.action not in EVENT_ORDER:
            continue
        before = last.get(event.subject, "")
        if before not in EVENT_ORDER[event.action]:
            violations.append(f"{event.subject}: {event.action} after {before or 'nothing'}")
        last[event.subject] = event.action
    return violations
