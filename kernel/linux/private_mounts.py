"""Running something where its mounts are seen by nobody else and end with it (mount_namespaces(7))."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from ck.kernel.linux.mount import MS_PRIVATE, MS_REC, set_propagation
from ck.kernel.linux.namespace import CLONE_FLAGS, unshare

CLONE_FS: Final = 0x200  # sched.h: a working directory and umask of its own, without which unshare(2) refuses a thread
T = TypeVar("T")


def in_private_mounts(work: Callable[[], T]) -> T:
    """Call *work* in a thread that has a mount namespace and a working directory of its own; return what it returns.

    What it mounts is gone with the thread, also after SIGKILL. The thread is made for this call alone: one of a pool
    would carry the namespace into unrelated work. File descriptors are shared as ever. Blocks.
    Raises: what *work* raises, OSError.
    """
    outcome: Future[T] = Future()
    thread = threading.Thread(target=_run, args=(work, outcome), name="ck-mounts", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()


def _run(work: Callable[[], T], outcome: "Future[T]") -> None:
    try:
        unshare(CLONE_FS | CLONE_FLAGS["mnt"])
        # The new namespace is a peer of the old one: without this, mounts would spread back to the host.
        set_propagation("/", MS_REC | MS_PRIVATE)
        outcome.set_result(work())
    except BaseException as error:  # handed over to the caller, all of it
        outcome.set_exception(error)
