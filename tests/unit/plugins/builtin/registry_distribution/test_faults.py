"""Patience, and what error bodies say."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.plugins.builtin.registry_distribution._faults import (
    MAX_DELAY,
    MAX_RETRY_AFTER,
    PROGRESS_BYTES,
    Patience,
    TryAgain,
    error_message,
)


def test_delays_double_and_end() -> None:
    patience, fault = Patience(4, 0.5), TryAgain("x")
    assert [patience.delay(fault, 1.0) for _ in range(3)] == [0.5, 1.0, 2.0]
    with pytest.raises(TryAgain):
        patience.delay(fault, 1.0)


def test_progress_starts_anew() -> None:
    patience, fault = Patience(2, 1.0), TryAgain("x")
    for _ in range(5):
        assert patience.delay(fault, 0.0) == 0.5
        patience.received(PROGRESS_BYTES)
    patience.delay(fault, 0.0)
    patience.received(1)
    with pytest.raises(TryAgain):
        patience.delay(fault, 0.0)


def test_the_server_decides_within_bounds() -> None:
    assert Patience(3, 0.5).delay(TryAgain("x", 7.0), 1.0) == 7.5
    with pytest.raises(TryAgain):
        Patience(3, 0.5).delay(TryAgain("x", MAX_RETRY_AFTER + 1), 1.0)


@settings(deadline=None)
@given(st.integers(1, 50), st.floats(0, 10), st.floats(0, 1, exclude_max=True))
def test_delays_are_bounded(attempts: int, backoff: float, jitter: float) -> None:
    patience, fault = Patience(attempts, backoff), TryAgain("x")
    for _ in range(attempts - 1):
        assert 0 <= patience.delay(fault, jitter) <= MAX_DELAY
    with pytest.raises(TryAgain):
        patience.delay(fault, jitter)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no"},{"code":"X"},{"message":"no"}]}', "no; X"),
        (b"404 page not found\n", "404 page not found"),
        (b"<html>", ""),
        (b"{}", ""),
        (b'{"errors":[1]}', ""),
        (b'{"errors":null}', ""),
        (b"", ""),
        (b"a\x1b[31mb", "a[31mb"),
    ],
)
def test_messages(body: bytes, message: str) -> None:
    assert error_message(body) == message


@settings(deadline=None)
@given(
    st.binary(max_size=50)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps({"errors": x}).encode())
)
def test_hostile_bodies_make_one_printable_line(body: bytes) -> None:
    message = error_message(body)
    assert message == "" or message.isprintable()
