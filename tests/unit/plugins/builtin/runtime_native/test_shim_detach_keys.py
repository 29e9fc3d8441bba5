"""Detach keys in what users type."""

from hypothesis import example, given
from hypothesis import strategies as st

from ck.plugins.builtin.runtime_native.child.detach_keys import DetachKeys

# Few letters, so that the keys occur, and occur in part.
letters = st.binary().map(lambda raw: bytes(byte % 3 + 97 for byte in raw))
keys = st.lists(st.sampled_from(b"abc"), min_size=1, max_size=4).map(bytes)


@given(keys=keys, pieces=st.lists(letters, max_size=12))
@example(keys=b"aab", pieces=[b"aa", b"ab"])
@example(keys=b"aba", pieces=[b"ab", b"ab", b"a"])
def test_found_where_they_are_however_cut(keys: bytes, pieces: list[bytes]) -> None:
    scanner = DetachKeys(keys)
    passed, detached = bytearray(), False
    for piece in pieces:
        through, detached = scanner.feed(piece)
        passed += through
        if detached:
            break
    typed = b"".join(pieces)
    assert detached == (keys in typed)
    if detached:
        assert passed == typed[: typed.index(keys)]
    else:
        assert passed + scanner.rest() == typed


@given(keys=keys, typed=letters)
def test_holds_back_less_than_the_keys(keys: bytes, typed: bytes) -> None:
    scanner = DetachKeys(keys)
    passed, detached = scanner.feed(typed)
    assert detached or len(typed) - len(passed) < len(keys)


@given(letters)
def test_no_keys_never_match(typed: bytes) -> None:
    assert DetachKeys(b"").feed(typed) == (typed, False)
