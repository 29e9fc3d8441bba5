"""The shim: one process per container, from before its init is made until the last attached client has its output.

Owns the container's streams and log, reaps it, keeps its exit status on disk, has exec sessions made. Lives on when ckd
and forkserver die. Written so that it touches little memory: all shims share the forkserver's.
"""

import fcntl
import os
import socket
import sys
import traceback
from typing import Any, Final

from ck.kernel.linux.process import close_range, set_name
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.container import Container
from ck.plugins.builtin.runtime_native.child.maker import SpareHelper

_CONTROL: Final = 3
_HELPER: Final = 4
_FREE: Final = 5


def main(request: dict[str, Any], control: int, helper: SpareHelper) -> None:
    """Be the shim that *request*, a SPAWN, asks for; called in a fresh fork of the forkserver. Returns at the end."""
    os.setsid()
    report = helper.report.detach()
    # By way of numbers out of the way: one may have the number that is meant for the other.
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FREE) for fd in (control, report)]
    for fd, number in zip(moved, (_CONTROL, _HELPER), strict=True):
        os.dup2(fd, number, inheritable=False)
    close_range(_FREE)
    connection = socket.socket(fileno=_CONTROL)
    helper.report = socket.socket(fileno=_HELPER)
    try:
        set_name("ck-shim")
        container = Container(request["settings"], request["directory"], connection)
        container.run(lambda process: process.order(helper, request["plan"]))
    except BaseException as exc:
        # The last thing to do is to say why.
        traceback.print_exc(file=sys.stderr)
        wire.ShimToCkd(connection).failed(wire.failure("shim", 0, f"the container's shim failed: {exc!r}"))
