"""File descriptors, signals and session: nothing of the engine's is left in the container's hands."""

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterable
from typing import Final

from ck.kernel.linux.process import close_range, set_close_on_exec

_NULL: Final = os.makedev(1, 3)
_SIGNALS: Final = sorted(signal.valid_signals())


def close_all_but(keep: Iterable[int]) -> None:
    """Close every fd above 2 that is not in *keep*: also while the child waits, it must not hold the shim's open."""
    first = 3
    for fd in sorted(keep):
        if fd >= first:
            close_range(first, fd - 1)
            first = fd + 1
    close_range(first)


def seal() -> None:
    """Let everything above 2 close at execve(2), whatever has been opened since."""
    set_close_on_exec(3)


def set_standard(fds: tuple[int, int, int]) -> None:
    """Make *fds* the standard input, output and error."""
    # Out of the way first, so that no dup2 overwrites one that a later needs.
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in fds]
    for number, copy in enumerate(copies):
        os.dup2(copy, number)
        os.close(copy)


def adopt_standard(uid: int) -> None:
    """Give the standard streams to user *uid*, so that it may open /dev/stdout again; call inside the container's root.

    One that is the host's /dev/null becomes the container's, which leads to no file of the host.
    """
    for fd in (0, 1, 2):
        status = os.fstat(fd)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL:
            _reopen_null(fd)
        elif status.st_uid != uid and not stat.S_ISREG(status.st_mode):
            _give(fd, uid)


def _give(fd: int, uid: int) -> None:
    try:
        os.fchown(fd, uid, -1)
    except OSError as exc:
        # A stream may be what has no owner, or whose file system keeps none; it works without.
        if exc.errno not in (errno.EINVAL, errno.EPERM, errno.EROFS):
            raise


def _reopen_null(fd: int) -> None:
    try:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # an image may bring a /dev of its own without it
    if os.fstat(null).st_rdev == _NULL:
        os.dup2(null, fd)
    os.close(null)


def reset_signals() -> None:
    """Default dispositions, nothing blocked, and no word of signals to the shim's pipe. execve(2) keeps what is
    ignored, as Python does SIGPIPE, and resets the rest."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
