import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.spool.json_decode import decode, parse_time
from ck.kernel.spool.json_encode import PIECE_MAX, encode, next_piece, timestamp

TIME_NS = 1_767_323_045_123_456_789


def go_utf8(data: bytes) -> str:
    """What Go makes of bytes that should be UTF-8: a valid character as it is, else U+FFFD for one byte."""
    text = ""
    while data:
        for length in (1, 2, 3, 4):
            try:
                text += data[:length].decode()
            except UnicodeDecodeError:
                continue
            break
        else:
            text, length = text + "\ufffd", 1
        data = data[length:]
    return text


def test_an_entry_is_dockers_byte_for_byte() -> None:
    assert encode(b"hello\n", 1, TIME_NS) == (
        b'{"log":"hello\\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}\n'
    )
    assert encode(b'\t"<&>\\\r\x00\x7f', 2, TIME_NS) == (
        b'{"log":"\\u0009\\"\\u003c\\u0026\\u003e\\\\\\r\\u0000\x7f","stream":"stderr",'
        b'"time":"2026-01-02T03:04:05.123456789Z"}\n'
    )
    assert b'"log":"a\\ufffd\\ufffdb\\u2028' in encode(b"a\xe2\x82b\xe2\x80\xa8", 1, TIME_NS)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, b"1970-01-01T00:00:00Z"),
        (TIME_NS, b"2026-01-02T03:04:05.123456789Z"),
        (1_767_323_045_120_000_000, b"2026-01-02T03:04:05.12Z"),
        (1_767_323_040_000_000_000, b"2026-01-02T03:04:00Z"),
    ],
)
def test_times_are_gos(time_ns: int, text: bytes) -> None:
    assert timestamp(time_ns) == text


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_time_survives(time_ns: int) -> None:
    assert parse_time(timestamp(time_ns).decode()) == time_ns


def test_times_in_other_zones() -> None:
    assert parse_time("2026-01-02T05:04:05.5+02:00") == 1_767_323_045_500_000_000
    with pytest.raises(ValueError, match="isoformat"):
        parse_time("yesterday")


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xe2\x80\xa9", b"\n", b"\\ufffd"]),
        )
    ).map(b"".join)
)
def test_hostile_output_is_what_go_makes_of_it(output: bytes) -> None:
    entries = encode(output, 1, TIME_NS)
    logs = [json.loads(line)["log"] for line in entries.splitlines()]
    *whole, rest = go_utf8(output).split("\n")
    assert logs == [line + "\n" for line in whole] + ([rest] if rest or not whole else [])
    assert [entry.line.decode() for entry in decode(entries)] == logs


@given(st.text(alphabet="a\né😀", max_size=40), st.sampled_from([1, 800, 2000]))
def test_pieces_are_whole_lines_or_full(pattern: str, times: int) -> None:
    output, start = (pattern * times).encode(), 0
    while start < len(output):
        end = next_piece(output, start)
        piece = output[start:end]
        assert 0 < len(piece) <= PIECE_MAX
        assert piece.decode()
        assert piece.endswith(b"\n") or end == len(output) or (b"\n" not in piece and len(piece) > PIECE_MAX - 4)
        start = end
