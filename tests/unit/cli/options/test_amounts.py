"""Sizes, CPUs, durations and moments."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.options.durations import UNITS, parse_duration, parse_timestamp
from ck.cli.options.sizes import parse_bytes, parse_cpus, parse_swap

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64b", 64),
        ("64m", 64 * MIB),
        ("64MB", 64 * MIB),
        ("64 MiB", 64 * MIB),
        ("1.5g", 1536 * MIB),
        ("1t", 1024 * 1024 * MIB),
    ],
)
def test_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1mm", "1bb", "1 2m", "nan", "1e400", "0x10"])
def test_malformed_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        parse_bytes(text)


def test_swap_may_be_unlimited() -> None:
    assert parse_swap("-1") == -1


@given(st.integers(0, 10**15), st.sampled_from(["", "k", "mb", "GiB"]))
def test_whole_numbers_of_bytes_are_exact_or_near(number: int, unit: str) -> None:
    power = {"": 0, "k": 1, "mb": 2, "GiB": 3}[unit]
    value = number % 1000
    assert parse_bytes(f"{value}{unit}") == value * 1024**power


@given(st.integers(0, 10**12))
def test_cpus_are_exact(nano: int) -> None:
    assert parse_cpus(f"{nano // 10**9}.{nano % 10**9:09d}") == nano


@pytest.mark.parametrize("text", ["", ".", "1.0000000001", "-1", "1e3", "¹"])
def test_malformed_cpus(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of CPUs"):
        parse_cpus(text)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    total = sum(number * UNITS[unit] for number, unit in parts)
    assert parse_duration(text) == total
    assert parse_duration(f"-{text}") == -total


@pytest.mark.parametrize(
    ("text", "nano"), [("1.5s", 1_500_000_000), (".5ms", 500_000), ("1h2m3s", 3_723 * 10**9), ("0", 0)]
)
def test_durations(text: str, nano: int) -> None:
    assert parse_duration(text) == nano


@pytest.mark.parametrize("text", ["", "-", "5", "s", "1.2.3s", "1d", "1 s", ".s"])
def test_malformed_durations(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError:
        return


def test_moments() -> None:
    assert parse_timestamp("10m", 1000.5) == "400.500000000"
    assert parse_timestamp("1700000000", 0) == "1700000000"
    assert parse_timestamp("1700000000.5", 0) == "1700000000.5"
    assert parse_timestamp("", 0) == ""
    exact = parse_timestamp("2023-11-14T22:13:20.123456789Z", 0)
    assert exact == "1700000000.123456789"
    assert parse_timestamp("2023-11-14T23:13:20+01:00", 0) == "1700000000.000000000"
    local = datetime(2023, 11, 14).astimezone()
    assert parse_timestamp("2023-11-14", 0) == f"{int(local.timestamp())}.000000000"


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))
def test_rfc3339_keeps_the_moment(moment: datetime) -> None:
    seconds = int(moment.replace(tzinfo=UTC, microsecond=0).timestamp())
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}Z"
    assert parse_timestamp(text, 0) == f"{seconds}.{moment.microsecond:06d}000"


def test_malformed_moments() -> None:
    for text in ("yesterday", "2023-13-01", "2023-01-01T00:00:00.Z"):
        with pytest.raises(ValueError, match="neither a duration nor"):
            parse_timestamp(text, 0)
