"""The forkserver: a small single-threaded process that ckd, which has threads, lets fork its shims.

It is started as a fresh `python -I -S`, in a session of its own, and imports all that a shim may need, so that the
shims share its memory and import nothing themselves. When ckd goes it goes too; the shims live on.
"""

import gc
import os
import select
import signal
import socket
from typing import Final

from ck.kernel.linux.cgroup.files import make, write
from ck.kernel.linux.process import set_dumpable, set_name
from ck.kernel.spool import json_writer, local_writer
from ck.plugins.builtin.runtime_native.child import shim, wire
from ck.plugins.builtin.runtime_native.child.maker import SpareHelper, make_init
from ck.plugins.builtin.runtime_native.child.namespace_holder import hold
from ck.plugins.builtin.runtime_native.child.rehearsal import rehearse

WARM: Final = (json_writer, local_writer)
"""Imported for the shims."""

_REHEARSALS: Final = 3
"""Each takes 10 ms; the first saves every shim 200 KB, the next two 60."""

_OOM_SCORE: Final = b"-999"


def main(fd: int, directory: str, group: str) -> None:
    """Serve ckd at the other end of the seqpacket socket *fd* until it hangs up, with one shim ready at any time.

    *directory* is the runtime's, for temporary files. *group* is the control group to be in, "" to stay.
    """
    set_name("ck-forkserver")
    if group:
        make(group)
        write(os.path.join(group, "cgroup.procs"), "0")
    for _ in range(_REHEARSALS):
        rehearse(os.path.join(directory, wire.REHEARSALS, str(os.getpid())))
    _prepare()
    # What exists by now is never looked at by the collector again, so its pages stay shared.
    gc.collect()
    gc.freeze()
    sock = socket.socket(fileno=fd)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    # A shim is forked before it is asked for, so that no start waits for the fork, and it reads the request itself:
    # nothing here may touch memory that it need not, because a page that changes between two forks is shared by no two.
    while True:
        taken, taken_writer = os.pipe()
        try:
            pid = os.fork()
        except OSError as exc:
            _refuse(sock, exc)
        else:
            if pid == 0:
                os.close(taken)
                _be_shim(sock, taken_writer)
        os.close(taken_writer)
        was_taken = os.read(taken, 1)
        os.close(taken)
        # One that died before it was asked for anything is not replaced until there is something to ask for.
        if any(events & select.POLLHUP for _, events in poll.poll(0 if was_taken else None)):
            return


def _prepare() -> None:
    """Set what the shims inherit."""
    # Shims are no concern of ours once forked: the kernel reaps them, and they set this anew.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # From their first moment on, containers may see the processes that become or join them, but must not reach the host
    # through their /proc/PID. execve(2) of the program resets it.
    set_dumpable(False)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        adjust = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(adjust, _OOM_SCORE)
        finally:
            os.close(adjust)
    except PermissionError:
        return  # To go below ckd's own needs CAP_SYS_RESOURCE. Shims are small, so seldom the ones to go.


def _be_shim(sock: socket.socket, taken: int) -> None:
    """Never returns: what is asked for is all that this process does."""
    try:
        # A handler, though it does nothing: the signal wakes the event loop.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        helper = SpareHelper(make_init, sock.fileno(), taken)
        message = wire.recv(sock)
        os.write(taken, b".")
        os.close(taken)
        if message is None:
            return
        if message.kind is wire.Kind.NAMESPACES:
            hold(socket.socket(fileno=message.fds[0]))
        else:
            shim.main(message.payload, message.fds[0], helper)
    finally:
        os._exit(0)


def _refuse(sock: socket.socket, exc: OSError) -> None:
    message = wire.recv(sock)
    if message is not None:
        with socket.socket(fileno=message.fds[0]) as ckd:
            sentence = f"no process could be forked for the container: {exc.strerror}"
            wire.ForkserverToCkd(ckd).failed(wire.failure("fork", exc.errno or 0, sentence))
