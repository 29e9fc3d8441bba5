"""Detach keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.cli.terminal.detach import DetachFilter, parse_keys

KEYS = st.text("ab\x10\x11", min_size=1, max_size=4).map(str.encode)
TYPED = st.lists(st.text("ab\x10\x11x", max_size=5).map(str.encode), max_size=10)


def test_spellings() -> None:
    assert parse_keys("") == b"\x10\x11"
    assert parse_keys("ctrl-a,d") == b"\x01d"
    assert parse_keys("ctrl-@,ctrl-[,ctrl-_") == b"\x00\x1b\x1f"
    for text in ("ctrl-", "ctrl-A", "ab", "a,,b"):
        with pytest.raises(ValueError, match="unknown character"):
            parse_keys(text)


@given(KEYS, TYPED)
def test_keys_are_found_wherever_they_are_cut(keys: bytes, typed: list[bytes]) -> None:
    detach = DetachFilter(keys)
    passed, detached = b"", False
    for piece in typed:
        out, detached = detach.feed(piece)
        passed += out
        if detached:
            break
    whole = b"".join(typed)
    place = whole.find(keys)
    assert detached == (place >= 0)
    if detached:
        assert passed == whole[:place]
    else:
        # What is held back is a beginning of the keys, and it is all that is held back.
        assert whole.startswith(passed)
        assert keys.startswith(whole[len(passed) :])


def test_a_lone_beginning_goes_out_with_the_next_key() -> None:
    detach = DetachFilter(b"\x10\x11")
    assert detach.feed(b"ls\x10") == (b"ls", False)
    assert detach.feed(b"x") == (b"\x10x", False)
    assert detach.feed(b"\x10\x10\x11rest") == (b"\x10", True)
