"""Sizes, durations and tables, as Docker writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.output.table import align
from ck.cli.output.times import rfc3339, rfc3339_nano
from ck.cli.output.units import ago, binary_size, ellipsis, human_duration, human_size, short_id

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (999, "999B"), (1000, "1kB"), (1234567, "1.23MB"), (5_340_000_000, "5.34GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert human_size(size, 3) == text


def test_ago() -> None:
    assert ago(100.0, 160.0) == "About a minute ago"
    assert ago(0, 160.0) == ago(-62135596800, 160.0) == "N/A"


def test_other_sizes() -> None:
    assert human_size(1234567) == "1.235MB"
    assert binary_size(24 * 1024**3) == "24GiB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (HOUR, "About an hour"),
        (2 * HOUR, "2 hours"),
        (47 * HOUR, "47 hours"),
        (3 * DAY, "3 days"),
        (20 * DAY, "2 weeks"),
        (100 * DAY, "3 months"),
        (800 * DAY, "2 years"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_cutting() -> None:
    assert ellipsis("sleep 1000", 6) == "sleep…"
    assert ellipsis("sleep", 5) == "sleep"
    assert short_id("sha256:0123456789abcdef") == "0123456789ab"


def test_table_is_dockers() -> None:
    assert align(["CONTAINER ID\tIMAGE\tPORTS\tNAMES", "0123456789ab\tbusybox\t\tbold"]) == [
        "CONTAINER ID   IMAGE     PORTS     NAMES",
        "0123456789ab   busybox             bold",
    ]


@given(st.lists(st.lists(st.text("abc ", max_size=14), min_size=3, max_size=3), min_size=1))
def test_columns_are_straight(rows: list[list[str]]) -> None:
    lines = align(["\t".join(row) for row in rows])
    widths = [max(10, *(len(row[column]) + 3 for row in rows)) for column in range(2)]
    for line, row in zip(lines, rows, strict=True):
        assert line == row[0].ljust(widths[0]) + row[1].ljust(widths[1]) + row[2]


def test_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC-2")
        time.tzset()
        assert rfc3339(0) == "1970-01-01T02:00:00+02:00"
        assert rfc3339_nano(1) == "1970-01-01T02:00:00.000000001+02:00"
    time.tzset()
