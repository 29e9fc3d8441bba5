"""Reading gzip, zstd and plain streams, whole, in pieces and broken."""

import gzip
import io
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ck.kernel.engine.inflate import BLOCK, Inflated
from ck.kernel.errors import CorruptData

PACK = {"gzip": lambda data: gzip.compress(data, 1), "zstd": zstandard.compress, "plain": bytes}


class Pieces(io.RawIOBase):
    """Gives *data* in reads of at most *piece* bytes."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data, self._piece = io.BytesIO(data), piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with memoryview(buffer) as view:
            return self._data.readinto(view[: self._piece])


def inflate(data: bytes, piece: int = 1 << 20) -> bytes:
    return io.BufferedReader(Inflated(Pieces(data, piece)), BLOCK).read()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=3), st.sampled_from(sorted(PACK)), st.integers(1, 5000))
def test_parts_that_follow_one_another_are_one_stream(parts: list[bytes], form: str, piece: int) -> None:
    # A plain stream must not begin as a compressed one would.
    parts = [b"plain", *parts]
    assert inflate(b"".join(PACK[form](part) for part in parts), piece) == b"".join(parts)


@pytest.mark.parametrize("form", ["gzip", "zstd"])
@pytest.mark.parametrize("tail", [b"garbage", b"x", b"\x1f\x8b"])
def test_bytes_after_the_end_are_refused(form: str, tail: bytes) -> None:
    with pytest.raises(CorruptData, match="compressed data is broken"):
        inflate(PACK[form](b"content") + tail)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_cut_gzip_stream_is_refused(content: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(content)
    cut = data.draw(st.integers(2, len(whole) - 1))
    with pytest.raises(CorruptData):
        inflate(whole[:cut])


@settings(deadline=None)
@given(st.sampled_from([b"\x1f\x8b", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b""]), st.binary(max_size=200))
def test_hostile_bytes_are_data_or_corrupt(magic: bytes, rest: bytes) -> None:
    try:
        inflate(magic + rest)
    except CorruptData as error:
        assert str(error)


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_a_bomb_takes_no_memory(form: str) -> None:
    bomb = PACK[form](bytes(64 << 20))
    tracemalloc.start()
    try:
        stream = io.BufferedReader(Inflated(io.BytesIO(bomb)), BLOCK)  # type: ignore[arg-type]
        total = 0
        while block := stream.read(BLOCK):
            total += len(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 64 << 20
    assert peak < 8 << 20
