"""A process that has a user namespace, until ckd has taken hold of it: a namespace begins as somebody's own."""

import os
import socket

from ck.kernel.linux.link import bring_up
from ck.kernel.linux.namespace import CLONE_FLAGS, unshare
from ck.plugins.builtin.runtime_native.child import wire


def hold(ckd: socket.socket) -> None:
    """Make both namespaces, tell, and stay until *ckd* hangs up. A network namespace made together with a user
    namespace belongs to that: its root may open raw sockets in it."""
    try:
        unshare(CLONE_FLAGS["user"] | CLONE_FLAGS["net"])
        bring_up("lo")
    except OSError as exc:
        sentence = f"cannot make a user namespace: {exc.strerror or exc}"
        wire.ForkserverToCkd(ckd).failed(wire.failure("namespaces", exc.errno or 0, sentence))
        return
    wire.ForkserverToCkd(ckd).held(os.getpid())
    wire.recv(ckd)
