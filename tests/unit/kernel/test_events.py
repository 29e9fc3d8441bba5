"""The table of event order, as code."""

from datetime import UTC, datetime

import pytest

from ck.kernel.events import Event, Noun, order_violations


def container_events(*actions: str, subject: str = "c1") -> list[Event]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [Event(noun=Noun.CONTAINER, action=action, subject=subject, at=at) for action in actions]


@pytest.mark.parametrize(
    "actions",
    [
        ("create", "start", "die", "destroy"),
        ("create", "destroy"),
        ("create", "attach", "start", "pause", "unpause", "kill", "die", "start", "die", "destroy"),
        ("create", "start", "pause", "die", "destroy"),
    ],
)
def test_lives_that_are_in_order(actions: tuple[str, ...]) -> None:
    assert order_violations(container_events(*actions)) == []


@pytest.mark.parametrize(
    "actions",
    [
        ("start",),
        ("create", "die"),
        ("create", "start", "start"),
        ("create", "start", "destroy"),
        ("create", "unpause"),
    ],
)
def test_lives_that_are_not(actions: tuple[str, ...]) -> None:
    assert len(order_violations(container_events(*actions))) == 1


def test_containers_do_not_mix() -> None:
    mixed = container_events("create", subject="a") + container_events("create", "start", subject="b")
    assert order_violations(mixed) == []
