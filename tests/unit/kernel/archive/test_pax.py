"""Pax records: what is written is read back, and the header block falls back on them where its fields are too small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.archive.pax import build_records, build_time, parse_records, parse_time
from ck.kernel.errors import CorruptData

keys = st.binary(min_size=1, max_size=20).filter(lambda key: b"=" not in key)


@given(st.lists(st.tuples(keys, st.binary(max_size=200))))
def test_records_round_trip(records: list[tuple[bytes, bytes]]) -> None:
    assert parse_records(build_records(records)) == records


@given(st.integers(-(10**20), 10**20))
def test_times_round_trip(nanoseconds: int) -> None:
    assert parse_time(build_time(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("body", [b"x", b"5 a=b", b"99 a=b\n", b"6 a=bb", b"3 =\n", b"0 a=b\n", b"-7 a=b\n"])
def test_malformed_records_are_refused(body: bytes) -> None:
    with pytest.raises(CorruptData):
        parse_records(body)


def test_padding_after_the_last_record_is_ignored() -> None:
    assert parse_records(b"6 a=b\n\0\0\0") == [(b"a", b"b")]


@pytest.mark.parametrize("value", [b"", b"1e5", b"1.5.5", b"nan", b"9" * 30])
def test_malformed_times_are_refused(value: bytes) -> None:
    with pytest.raises(CorruptData):
        parse_time(value)
