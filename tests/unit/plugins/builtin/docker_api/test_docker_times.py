"""Times as Docker writes and reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.errors import InvalidArgument
from ck.plugins.builtin.docker_api._shapes.times import (
    human_duration,
    parse_ns,
    parse_time,
    rfc3339,
    rfc3339_ns,
    unix_ns,
    unix_seconds,
)

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, "0001-01-01T00:00:00Z"),
        (datetime(2020, 1, 6, 9, 6, 59, 461870, tzinfo=UTC), "2020-01-06T09:06:59.46187Z"),
        (datetime(2020, 1, 6, 9, 6, 50, tzinfo=UTC), "2020-01-06T09:06:50Z"),
        (datetime(2020, 1, 6, 0, 0, tzinfo=timezone(timedelta(hours=2))), "2020-01-05T22:00:00Z"),
    ],
)
def test_rfc3339(at: datetime | None, text: str) -> None:
    assert rfc3339(at) == text


@given(MOMENTS)
def test_what_is_written_is_read_back(at: datetime) -> None:
    assert parse_time(rfc3339(at), "since") == at
    assert parse_ns(rfc3339_ns(unix_ns(at)), "since") == unix_ns(at)
    seconds, fraction = divmod(unix_ns(at), 1_000_000_000)
    if unix_ns(at):
        assert parse_ns(f"{seconds}.{fraction:09}", "since") == unix_ns(at)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("0", None),
        ("1136073845", 1136073845_000000000),
        ("1136073845.5", 1136073845_500000000),
        ("1136073845.000000001", 1136073845_000000001),
        ("1136073845.0000000019", 1136073845_000000001),
        ("2006-01-02T15:04:05.000000007Z", 1136214245_000000007),
        ("2006-01-02T15:04:05+01:00", 1136210645_000000000),
        ("2006-01-02T15:04", 1136214240_000000000),
        ("2006-01-02", 1136160000_000000000),
        ("-1.5", -1_500000000),
    ],
)
def test_parse(text: str, expected: int | None) -> None:
    assert parse_ns(text, "since") == expected


@pytest.mark.parametrize("text", ["yesterday", "2006-13-02", "1 2", "10m", "2006-01-02T", "1e9", "٣", "99999999999999"])
def test_parse_refuses_and_names_the_parameter(text: str) -> None:
    with pytest.raises(InvalidArgument, match="since"):
        parse_time(text, "since")


def test_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="out of range"):
        parse_time("999999999999", "until")


def test_unix_seconds_of_never_is_go_s() -> None:
    assert unix_seconds(None) == -62135596800
    assert unix_seconds(datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)) == 5


_HOUR, _DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (180, "3 minutes"),
        (59 * 60, "59 minutes"),
        (_HOUR, "About an hour"),
        (1.6 * _HOUR, "2 hours"),
        (47 * _HOUR, "47 hours"),
        (2 * _DAY, "2 days"),
        (13 * _DAY, "13 days"),
        (14 * _DAY, "2 weeks"),
        (59 * _DAY, "8 weeks"),
        (60 * _DAY, "2 months"),
        (729 * _DAY, "24 months"),
        (730 * _DAY, "2 years"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
