"""Listening sockets from one program to the next in the same process: sd_listen_fds(3)."""

import fcntl
import os
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

FIRST: Final = 3
"""The number of the first of them."""


class Listener(NamedTuple):
    """`name` is what whoever opened it calls it (LISTEN_FDNAMES)."""

    socket: socket.socket
    name: str


def inherited_listeners() -> list[Listener]:
    """Those that this process was started with. Call it once; a second call finds none."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    found = []
    for place in range(int(count)):
        sock = socket.socket(fileno=FIRST + place)
        sock.set_inheritable(False)
        found.append(Listener(sock, names[place] if place < len(names) else ""))
    return found


def hand_down(listeners: Sequence[Listener]) -> None:
    """Have the program that this process executes next find *listeners*. Nothing else may run in between: the numbers
    from 3 on are theirs from now on."""
    free = FIRST + len(listeners)
    # By way of numbers out of the way: one may have the number that is meant for another.
    copies = [fcntl.fcntl(each.socket.fileno(), fcntl.F_DUPFD_CLOEXEC, free) for each in listeners]
    for number, copy in enumerate(copies, FIRST):
        os.dup2(copy, number, inheritable=True)
    names = ":".join(each.name for each in listeners)
    os.environ.update({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(listeners)), "LISTEN_FDNAMES": names})
