"""A netlink socket to nftables. Everything blocks, for microseconds: the kernel has answered when `send` returns."""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Final

from ck.kernel.linux.netlink import DONE, ERROR, error_code, split
from ck.kernel.linux.nftables.attributes import parse
from ck.kernel.linux.nftables.messages import Message, batch, single

_NETLINK_NETFILTER: Final = 12
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_GROUP_NFTABLES: Final = 7  # NFNLGRP_NFTABLES
_BUFFER: Final = 64 << 20
_DUMP_BYTES: Final = 1 << 18
_GENERIC_BYTES: Final = 4  # struct nfgenmsg


class Nftables:
    """One socket in the network namespace of the thread that makes it. Not for two threads at once.

    Raises from every method: OSError with the error of the message that the kernel refused.
    """

    def __init__(self) -> None:
        self._socket = _open()
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Nftables":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self, messages: Iterable[Message]) -> None:
        """Make all changes in one transaction, or none."""
        first = self._sequence + 1
        request, last = batch(messages, first)
        self._sequence = last + 1
        self._socket.send(request)
        answered = False
        failure = 0
        for number, code in self._answers():
            # The first error tells most: what follows fails for want of what it would have made.
            failure = failure or code
            answered = answered or number == last
        if failure:
            raise OSError(failure, os.strerror(failure))
        if not answered:
            raise OSError(errno.EIO, "the kernel did not acknowledge the transaction")

    def exists(self, question: Message) -> bool:
        """Whether what *question* (a `get`) is about is there."""
        self._sequence += 1
        self._socket.send(single(question, self._sequence))
        for _, code in self._answers():
            if code == errno.ENOENT:
                return False
            if code:
                raise OSError(code, os.strerror(code))
        return True

    def dump(self, question: Message) -> Iterator[dict[int, bytes]]:
        """The attributes of every object that *question* (a `list`) is about."""
        self._sequence += 1
        self._socket.send(single(question, self._sequence))
        while True:
            received = self._socket.recv(_DUMP_BYTES)
            for kind, _, body in split(received):
                if kind == DONE:
                    return
                if kind == ERROR and (code := error_code(body)):
                    raise OSError(code, os.strerror(code))
                if kind != ERROR:
                    yield parse(body[_GENERIC_BYTES:])

    def _answers(self) -> Iterator[tuple[int, int]]:
        """Number and error, 0 for none, of every message that the kernel has answered."""
        while True:
            try:
                received = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            for kind, sequence, body in split(received):
                if kind == ERROR:
                    yield sequence, error_code(body)


def monitor() -> socket.socket:
    """A non-blocking socket that gets something to read whenever anybody changes nftables in this namespace."""
    return subscribe(_GROUP_NFTABLES)


def subscribe(group: int) -> socket.socket:
    """A non-blocking socket that gets what the kernel tells a group (enum nfnetlink_groups)."""
    watching = _open()
    watching.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    watching.setblocking(False)
    return watching


def notices(watching: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Family and attributes of each message that is there to be read."""
    try:
        received = watching.recv(_DUMP_BYTES)
    except BlockingIOError:
        return
    for _, _, body in split(received):
        yield body[0], body[_GENERIC_BYTES:]


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    try:
        # A transaction is one datagram, however many elements it has.
        opened.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        opened.bind((0, 0))
    except BaseException:
        opened.close()
        raise
    return opened
