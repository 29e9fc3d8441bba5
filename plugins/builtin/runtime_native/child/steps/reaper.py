"""`--init`: a process 1 that runs the program as its child, passes signals on to it and reaps what it leaves behind."""

import os
import signal
from collections.abc import Sequence
from typing import Final, NoReturn

from ck.kernel.linux.process import set_name, set_title

# Not for the program: its own children's ends, and what a terminal says to a background process.
_NOT_FORWARDED: Final = frozenset({signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU})


def fork_program(argv: Sequence[str], *, terminal: bool) -> int:
    """Fork, for the program *argv*. Return 0 in its process, which leads a group of its own, in the terminal's
    foreground; the PID in process 1.

    All signals are blocked in process 1 from here on; the program's mask is clean.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    # Before the program can look. It gets its own by execve(2).
    set_name("ck-init")
    set_title(" ".join(["ck-init", "--", *argv]))
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        if terminal:
            os.tcsetpgrp(0, os.getpid())  # SIGTTOU is blocked still
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return pid


def reap(program: int) -> NoReturn:
    """Be process 1 until *program* ends; exit with its status, 128 + n where signal n ended it."""
    while True:
        number = signal.sigwait(signal.valid_signals())
        if number not in _NOT_FORWARDED:
            # It is not reaped yet, so the PID is no other's.
            os.kill(program, number)
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)) is not None:
            if ended.si_pid == program:
                # The kernel ends all others with us.
                os._exit(ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status)
