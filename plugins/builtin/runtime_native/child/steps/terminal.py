"""The container's terminal: a pty of its own devpts."""

import fcntl
import os
import struct
import termios
from typing import Final

from ck.kernel.linux.mount import attach, clone_tree
from ck.plugins.builtin.runtime_native.child.plan import TerminalPlan
from ck.plugins.builtin.runtime_native.child.steps.descriptors import set_standard
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, doing
from ck.plugins.builtin.runtime_native.child.steps.inside import make_file, open_inside

_TIOCGPTPEER: Final = 0x5441
_TIOCSPTLCK: Final = 0x40045431
_PTMX: Final = os.makedev(5, 2)


def open_pty(root: int, plan: TerminalPlan) -> tuple[int, int]:
    """A new pair (master, slave) of the devpts at /dev/pts below *root*, of the size that *plan* says."""
    with doing("open a terminal in the container"):
        master = open_inside(root, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
        if os.fstat(master).st_rdev != _PTMX:
            raise StepFailed('cannot open a terminal in the container: "/dev/pts/ptmx" is not the terminal multiplexer')
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        # The slave by its master, not by a path that the image may have covered.
        slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        if plan["rows"] or plan["columns"]:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", plan["rows"], plan["columns"], 0, 0))
        return master, slave


def bind_console(root: int, slave: int) -> None:
    """Make *slave* the container's /dev/console."""
    with doing('make "/dev/console"'):
        tree = clone_tree("", directory=slave)
        target = make_file(root, "/dev/console")
        attach(tree, target)
        os.close(target)
        os.close(tree)


def take(slave: int) -> None:
    """Make *slave* the standard streams and the session's controlling terminal; the caller leads a session without
    one."""
    with doing("take the terminal"):
        set_standard((slave, slave, slave))
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.close(slave)
