"""Moments as filters take them."""

from datetime import UTC, datetime, timedelta

import pytest

from ck.kernel.api.until import parse_until
from ck.kernel.errors import InvalidArgument

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("24h", NOW - timedelta(hours=24)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_until(value: str, expected: datetime) -> None:
    assert parse_until(value, NOW) == expected


@pytest.mark.parametrize("value", ["", "yesterday", "1x", "h", "1e400", "99999999999999999999"])
def test_until_that_is_none(value: str) -> None:
    with pytest.raises(InvalidArgument, match="until="):
        parse_until(value, NOW)
