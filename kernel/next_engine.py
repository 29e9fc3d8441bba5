"""`ck engine restart`: the process stays, and the program in it begins anew, also as a newer version."""

import fcntl
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from ck.kernel.linux.listen_fds import FIRST, Listener, hand_down

_LOCK_VARIABLE: Final = "CK_LOCK_FD"


def become_next_engine(lock: int, listeners: Sequence[Listener]) -> NoReturn:
    """Execute ckd with the same arguments. It has the lock *lock* (an fd) and the sockets *listeners* from its first
    moment: no third one can come between, and no client is refused."""
    kept = fcntl.fcntl(lock, fcntl.F_DUPFD, FIRST + len(listeners))  # the numbers below are the sockets'
    os.environ[_LOCK_VARIABLE] = str(kept)
    hand_down(listeners)
    os.execv(sys.executable, without_ready_fd(sys.orig_argv))


def inherited_lock() -> int | None:
    """The lock that the engine before has left to this one, if one has."""
    text = os.environ.pop(_LOCK_VARIABLE, "")
    if not text:
        return None
    os.set_inheritable(int(text), False)
    return int(text)


def without_ready_fd(arguments: Sequence[str]) -> list[str]:
    """The command line but for `--ready-fd N`: whoever waited for that has been told."""
    kept: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word == "--ready-fd":
            next(rest, None)
        elif not word.startswith("--ready-fd="):
            kept.append(word)
    return kept
