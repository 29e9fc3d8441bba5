"""Listening sockets from one program to the next in the same process: sd_listen_fds(3)."""

import fcntl
import os
import socket
from collections.abc import Sequence
from typing import Final

FIRST: Final = 3
"""The number of the first of them."""


def inherited_listeners() -> list[socket.socket]:
    """Those that this process was started with. Call it once; a second call finds none."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    found = [socket.socket(fileno=fd) for fd in range(FIRST, FIRST + int(count))]
    for sock in found:
        sock.set_inheritable(False)
    return found


def hand_down(listeners: Sequence[socket.socket]) -> None:
    """Have the program that this process executes next find *listeners*. Nothing else may run in between: the numbers
    from 3 on are theirs from now on."""
    free = FIRST + len(listeners)
    # By way of numbers out of the way: one may have the number that is meant for another.
    copies = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, free) for sock in listeners]
    for number, copy in enumerate(copies, FIRST):
        os.dup2(copy, number, inheritable=True)
    os.environ.update({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(listeners))})
