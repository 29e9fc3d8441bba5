"""A connection inside a container, made by the engine itself: a socket stays in the namespace it was opened in."""

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ck.kernel.drivers.probe import ProbeTarget
from ck.kernel.linux.netns import inside
from ck.plugins.builtin.health_probes._address import Address


@asynccontextmanager
async def connected(target: ProbeTarget, address: Address) -> AsyncIterator[socket.socket]:
    """A non-blocking TCP connection to the first host that takes it. Raises: OSError of the last."""
    namespace = target.network()
    try:
        for number, host in enumerate(address.hosts, 1):
            sock = _open(namespace, socket.AF_INET6 if ":" in host else socket.AF_INET)
            try:
                await _connect(sock, host, address.port)
            except OSError:
                sock.close()
                if number == len(address.hosts):
                    raise
                continue
            except BaseException:
                sock.close()
                raise
            break
    finally:
        os.close(namespace)
    with sock:
        yield sock


def _open(namespace: int, family: int) -> socket.socket:
    """Here and not in a worker thread: entering and leaving takes microseconds, and never waits."""
    with inside(namespace):
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


async def _connect(sock: socket.socket, host: str, port: int) -> None:
    number = sock.connect_ex((host, port))
    # Within one machine the handshake is often over by now, and then nobody need be waited for.
    if number == errno.EINPROGRESS and (number := sock.connect_ex((host, port))) == errno.EALREADY:
        await trio.lowlevel.wait_writable(sock)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number not in (0, errno.EISCONN):
        raise OSError(number, os.strerror(number))
