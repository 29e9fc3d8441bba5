"""Reading ahead gives what is there, in order, and no more; it ends when it is told to."""

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.kernel.engine.read_ahead import BLOCK, BLOCKS, ReadAhead
from ck.kernel.errors import CorruptData


class Pieces(io.RawIOBase):
    """A stream that gives *pieces*, and then what *end* does."""

    def __init__(self, pieces: list[bytes], end: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._end = end
        self.taken = 0
        self.moved = threading.Condition()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._pieces:
            if self._end:
                raise self._end
            return 0
        piece = self._pieces.pop(0)
        buffer[: len(piece)] = piece
        with self.moved:
            self.taken += 1
            self.moved.notify_all()
        return len(piece)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=30), st.integers(1, 70))
def test_all_bytes_in_order(pieces: list[bytes], size: int) -> None:
    with ReadAhead(lambda: Pieces(pieces)) as ahead:
        read = b""
        while chunk := ahead.read(size):
            read += chunk
        assert read == b"".join(pieces)
        assert ahead.read(1) == b"", "the end stays the end"


def test_an_error_comes_after_what_was_before_it_and_again() -> None:
    with ReadAhead(lambda: Pieces([b"good"], CorruptData("broken"))) as ahead:
        assert ahead.read(10) == b"good"
        for _ in range(2):
            with pytest.raises(CorruptData, match="broken"):
                ahead.read(10)


def test_a_stream_that_cannot_be_opened() -> None:
    def refuse() -> io.RawIOBase:
        raise CorruptData("no such thing")

    with ReadAhead(refuse) as ahead, pytest.raises(CorruptData, match="no such thing"):
        ahead.read(1)


def test_no_more_is_read_than_fits_and_nothing_before_it_is_asked_for() -> None:
    pieces = Pieces([bytes(BLOCK)] * 3 * BLOCKS)
    ahead = ReadAhead(lambda: pieces)
    assert pieces.taken == 0
    assert ahead.read(1) == b"\0"
    with pieces.moved:
        pieces.moved.wait_for(lambda: pieces.taken == BLOCKS)
    ahead.close()
    assert pieces.taken <= BLOCKS + 1, "one block more is what `close` may set free"


def test_what_was_never_read_is_closed_at_once() -> None:
    ReadAhead(lambda: Pieces([])).close()
