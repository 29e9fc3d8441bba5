"""Stream frames, however they are cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ck.cli.terminal.frames import Frames

PIECES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=20)


def encode(pieces: list[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4) + data for stream, data in pieces)


@given(PIECES, st.lists(st.integers(0, 1000), max_size=10))
def test_streams_survive_any_cut(pieces: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = encode(pieces)
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    frames = Frames()
    got: list[tuple[int, bytes]] = []
    for start, end in itertools.pairwise(places):
        got += frames.feed(wire[start:end])
    for stream in (1, 2):
        assert b"".join(data for number, data in got if number == stream) == b"".join(
            data for number, data in pieces if number == stream
        )
    # The order between the streams is kept too.
    order = [stream for stream, data in got for _ in data]
    assert order == [stream for stream, data in pieces for _ in data]


def test_neighbours_are_joined() -> None:
    assert Frames().feed(encode([(1, b"a\n"), (1, b"b\n"), (2, b"c"), (1, b"d")])) == [
        (1, b"a\nb\n"),
        (2, b"c"),
        (1, b"d"),
    ]


def test_payload_is_passed_on_before_it_is_complete() -> None:
    assert Frames().feed(encode([(1, b"abcdef")])[:-3]) == [(1, b"abc")]
