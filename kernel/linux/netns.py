"""Network namespaces made or entered by one thread of a process whose other threads stay where they are
(network_namespaces(7))."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ck.kernel.linux.link import bring_up
from ck.kernel.linux.namespace import CLONE_FLAGS, setns, unshare

_NET = CLONE_FLAGS["net"]


def new_network_namespace() -> int:
    """Make one with its loopback up; return an fd of it. It lives as long as a process is in it or an fd is open."""
    with _returning():
        unshare(_NET)
        bring_up("lo")
        return _own()


@contextmanager
def inside(netns: int) -> Iterator[None]:
    """Have the calling thread in the namespace *netns* (an fd). What it opens there, sockets above all, stays there."""
    with _returning():
        setns(netns, _NET)
        yield


@contextmanager
def _returning() -> Iterator[None]:
    home = _own()
    try:
        yield
    finally:
        try:
            setns(home, _NET)
        except OSError:
            # A thread in the wrong namespace would do the host's work in a container's network.
            os.abort()
        finally:
            os.close(home)


def _own() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
