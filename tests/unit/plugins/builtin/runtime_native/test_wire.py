"""Messages between the processes of the native runtime."""

import os
import socket
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck.plugins.builtin.runtime_native.child import wire

# Any text, lone surrogates too: Linux's file names and arguments are bytes, and Python shows them so.
any_text = st.text(st.characters(codec=None), max_size=50)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=8), values, max_size=6)


@given(kind=st.sampled_from(wire.Kind), payload=payloads, fds=st.integers(0, wire.MAX_FDS))
def test_round_trip(kind: wire.Kind, payload: dict[str, object], fds: int) -> None:
    ours, theirs = wire.pair()
    with ours, theirs:
        wire.send(ours, kind, payload, [0] * fds)
        message = wire.recv(theirs)
        assert message is not None
        for fd in message.fds:
            assert os.fstat(fd) == os.fstat(0) and not os.get_inheritable(fd)
            os.close(fd)
        assert (message.kind, message.payload, len(message.fds)) == (kind, payload, fds)


@pytest.mark.parametrize("size", [wire.INLINE - 20, wire.INLINE, wire.INLINE + 1, 5 << 20])
def test_no_body_is_too_large(size: int) -> None:
    ours, theirs = wire.pair()
    with ours, theirs:
        wire.send(ours, wire.Kind.EXEC, {"text": "x" * size}, [0] * wire.MAX_FDS)
        message = wire.recv(theirs)
        assert message is not None
        for fd in message.fds:
            os.close(fd)
        assert len(message.fds) == wire.MAX_FDS
        assert message.payload == {"text": "x" * size}


def test_the_end_is_none() -> None:
    ours, theirs = wire.pair()
    with theirs:
        ours.close()
        assert wire.recv(theirs) is None


def test_a_peer_that_left_with_unread_messages_has_ended() -> None:
    ours, theirs = wire.pair()
    with theirs:
        wire.ShimToChild(theirs).go()
        ours.close()
        assert wire.recv(theirs) is None


@given(st.binary(min_size=1, max_size=64))
def test_noise_is_an_error_and_leaks_nothing(noise: bytes) -> None:
    before = os.listdir("/proc/self/fd")
    ours, theirs = wire.pair()
    with ours, theirs:
        socket.send_fds(ours, [noise], [0, 0])
        try:
            message = wire.recv(theirs)
        except wire.WireError:
            message = None
        if message is not None:
            for fd in message.fds:
                os.close(fd)
    assert os.listdir("/proc/self/fd") == before


def test_unknown_kinds_are_named() -> None:
    ours, theirs = wire.pair()
    with ours, theirs:
        ours.send(b"\xff\x000")
        with pytest.raises(wire.WireError, match="255"):
            wire.recv(theirs)


@given(st.binary(max_size=40), st.binary(max_size=4))
def test_bytes_survive_attach_options(initial: bytes, keys: bytes) -> None:
    options = wire.attach_options(
        stdin=True, stdout=True, stderr=False, status=False, initial=initial, detach_keys=keys
    )
    decoded = wire.decode(wire.encode(options))
    assert decoded["initial"] == initial
    assert decoded["detach_keys"] == keys


def test_each_kind_has_one_name_and_number() -> None:
    assert len({kind.value for kind in wire.Kind}) == len(wire.Kind)
