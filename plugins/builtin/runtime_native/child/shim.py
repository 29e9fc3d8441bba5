"""The shim: one process per container, from before its init is made until the last attached client has its output.

Owns the container's streams and log, reaps it, keeps its exit status on disk, has exec sessions made. Lives on when ckd
and forkserver die. Written so that it touches little memory: all shims share the forkserver's.
"""

import os
import socket
import sys
import traceback
from typing import Any, Final

from ck.kernel.linux.process import close_range, set_name
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.container import Container
from ck.plugins.builtin.runtime_native.child.maker import container_maker

_CONTROL: Final = 3


def main(request: dict[str, Any], control: int) -> None:
    """Be the shim that *request*, a SPAWN, asks for; called in a fresh fork of the forkserver. Returns at the end."""
    os.setsid()
    if control != _CONTROL:
        os.dup2(control, _CONTROL, inheritable=False)
    close_range(_CONTROL + 1)
    connection = socket.socket(fileno=_CONTROL)
    try:
        set_name("ck-shim")
        Container(request["settings"], request["directory"], connection).run(container_maker(request["plan"]))
    except BaseException as exc:
        # The last thing to do is to say why.
        traceback.print_exc(file=sys.stderr)
        wire.ShimToCkd(connection).failed(wire.failure("shim", 0, f"the container's shim failed: {exc!r}"))
