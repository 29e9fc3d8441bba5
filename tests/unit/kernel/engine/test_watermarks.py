"""How full is too full, and how much has to go."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.watermarks import FileSystem, Mark, Watermarks
from ck.kernel.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("85%", Mark(85.0, True)),
        ("99.5%", Mark(99.5, True)),
        ("1000", Mark(1000.0, False)),
        ("2kB", Mark(2000.0, False)),
        ("200GB", Mark(200e9, False)),
        ("1.5 GiB", Mark(1.5 * 2**30, False)),
        ("3T", Mark(3e12, False)),
    ],
)
def test_marks(text: str, mark: Mark) -> None:
    assert Mark.parse("x", text) == mark


@pytest.mark.parametrize(
    ("high", "low", "sentence"),
    [
        ("85%", "", "set both, or neither"),
        ("", "85%", "set both, or neither"),
        ("85%", "90%", "low_watermark '90%' is above high_watermark '85%'"),
        ("85%", "1GB", "must be of one kind"),
        ("101%", "1%", "there is no more than 100%"),
        ("-5%", "1%", "'-5%': it must be a percentage or a size"),
        ("much", "little", "'much': it must be a percentage or a size"),
    ],
)
def test_marks_that_cannot_be(high: str, low: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        Watermarks.parse(high, low)


def test_off() -> None:
    assert Watermarks.parse("", "") is None


def test_as_df_counts() -> None:
    status = os.statvfs("/")
    system = FileSystem.of(status)
    assert system.used == (status.f_blocks - status.f_bfree) * status.f_frsize
    assert system.total - system.used == status.f_bavail * status.f_frsize


PERCENT = st.integers(0, 100)


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), PERCENT, PERCENT)
def test_what_is_left_after_it_is_at_the_low_mark(used: int, free: int, one: int, other: int) -> None:
    high, low = max(one, other), min(one, other)
    system = FileSystem(used=used, total=used + free)
    marks = Watermarks.parse(f"{high}%", f"{low}%")
    assert marks is not None
    excess = marks.excess(system)
    assert 0 <= excess <= used
    if used * 100 <= high * system.total:
        assert excess == 0
    elif low < high:
        # To the byte, but for what a float of that size cannot hold.
        assert abs((used - excess) - low * system.total / 100) <= max(1, used >> 50)
