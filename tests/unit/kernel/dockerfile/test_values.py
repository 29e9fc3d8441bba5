"""Numbers as Go reads them."""

import pytest

from ck.kernel.dockerfile.errors import DockerfileError
from ck.kernel.dockerfile.values import parse_bool, parse_interval, parse_size, parse_uint32


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("", 0),
        ("0", 0),
        ("0s", 0),
        ("1ms", 10**6),
        ("1h1m1s", 3661 * 10**9),
        ("1.5s", 1_500_000_000),
        ("+.5m", 30 * 10**9),
        ("1000us", 10**6),
        ("1000µs", 10**6),
        ("1000000ns", 10**6),
        ("2562047h", 2562047 * 3600 * 10**9),
    ],
)
def test_intervals(text: str, nanoseconds: int) -> None:
    assert parse_interval(text, "x") == nanoseconds


@pytest.mark.parametrize("text", ["5", "s", ".s", "1d", "1s ", " 1s", "1e3s", "-1s", "1ns", "2562048h", "9" * 30 + "s"])
def test_wrong_intervals(text: str) -> None:
    with pytest.raises(DockerfileError, match="on flag"):
        parse_interval(text, "x")


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10", 10), ("10b", 10), ("1k", 1024), ("1.5 KiB", 1536), ("2GB", 2 << 30), ("1p", 1 << 50)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "size") == size


@pytest.mark.parametrize("text", ["", "-1", "k", "1x", "1 kk", "9" * 19 + "p", "1.", "0x1"])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(DockerfileError, match="invalid value for size"):
        parse_size(text, "size")


def test_booleans() -> None:
    assert [parse_bool(text, "x") for text in ("1", "t", "TRUE", "0", "f", "False")] == [True] * 3 + [False] * 3
    with pytest.raises(DockerfileError, match="invalid value for x: yes"):
        parse_bool("yes", "x")


def test_unsigned_numbers() -> None:
    assert parse_uint32("0755", "mode", 8) == 0o755
    assert parse_uint32("4294967295", "uid") == 2**32 - 1
    for text in ("", "+1", "1_0", "08", "4294967296", "9" * 5000):
        with pytest.raises(DockerfileError, match="for mode"):
            parse_uint32(text, "mode", 8)
