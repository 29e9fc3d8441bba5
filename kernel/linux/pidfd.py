"""Processes by descriptor: a pidfd never means another process, as a reused PID may (pidfd_open(2))."""

import os
import select
import signal


def open_pidfd(pid: int) -> int:
    """A close-on-exec fd that is readable once process *pid* has ended. Raises: ProcessLookupError."""
    return os.pidfd_open(pid)


def send_signal(pidfd: int, number: int) -> bool:
    """Send signal *number*; whether the process was still there."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def wait(pidfd: int, timeout: float | None = None) -> bool:
    """Wait until the process has ended, *timeout* seconds at most; whether it has. It need not be a child."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
