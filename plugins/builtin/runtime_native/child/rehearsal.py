"""A container's life played through in the forkserver, so that its shims find done what Python does only once.

Python keeps notes in memory that all shims share: which attribute a type's method is, which form of an instruction
fits. Written here once, they need not be written in each shim, at the price of a private copy of the page.
"""

import os
import socket
import sys
from typing import NoReturn

from ck.kernel.linux.process import fork_sibling
from ck.plugins.builtin.runtime_native.child import wire
from ck.plugins.builtin.runtime_native.child.container import Container
from ck.plugins.builtin.runtime_native.child.init import Stdio
from ck.plugins.builtin.runtime_native.child.maker import SpareHelper


def rehearse(directory: str) -> None:
    """Play it below *directory*, made and removed. Raises: OSError."""
    # Names of attributes that only imports asked for would have to make room in each shim.
    sys._clear_type_cache()
    ckd, shim = wire.pair()
    player = os.fork()
    if player == 0:
        shim.close()
        _play_ckd(ckd)
    ckd.close()
    group = {"container_id": "rehearsal", "unified": directory, "v1": {}, "parent": "ck", "settings": [], "devices": ""}
    settings = {
        "cgroup": group,
        "terminal": False,
        "open_stdin": False,
        "stdin_once": False,
        "log_format": "local",
        "log_directory": os.path.join(directory, "log"),
        "log_max_size": 1 << 20,
        "log_max_files": 2,
    }
    os.makedirs(directory)
    helper = SpareHelper(_make)
    Container(settings, directory, shim).run(lambda process: process.order(helper, ""))
    shim.close()
    os.waitpid(player, 0)
    for path, _, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(os.path.join(path, name))
        os.rmdir(path)


def _make(_: str, report: socket.socket, stdio: Stdio) -> int:
    pid = fork_sibling()
    if pid == 0:
        wire.ChildToShim(report).ready()
        wire.recv(report)
        report.close()
        assert stdio is not None
        os.write(stdio[1], b"line\n")
        os._exit(0)
    return pid


def _play_ckd(sock: socket.socket) -> NoReturn:
    wire.recv(sock)
    wire.CkdToShim(sock).go(1)
    while wire.recv(sock) is not None:
        continue
    os._exit(0)
