"""Mounts a volume's device on its directory."""

import errno
import os
import re
import socket
from pathlib import Path

from ck.kernel.errors import CkError, InvalidArgument, NotFound, Unavailable, Unsupported
from ck.kernel.linux import mount as m
from ck.plugins.builtin.volume_local._options import MountRequest, server_of, with_server

_UNAVAILABLE = frozenset({errno.ETIMEDOUT, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN})


def mount_volume(name: str, request: MountRequest, target: Path) -> None:
    """Mount once; a volume that is mounted already is left as it is.

    Raises: NotFound (no such device), Unavailable (a server that does not answer), Unsupported (a file system that the
    kernel does not know), InvalidArgument.
    """
    if is_mount_point(target):
        return
    if request.kind in ("nfs", "nfs4", "cifs"):
        request = _resolved(name, request)
    try:
        m.mount(request.source, str(target), request.kind, request.flags, request.data)
        if request.flags & m.MS_BIND and request.flags & ~(m.MS_BIND | m.MS_REC):
            # The first mount(2) of a bind mount takes no other flags.
            m.mount(request.source, str(target), request.kind, request.flags | m.MS_REMOUNT, request.data)
        if request.propagation:
            m.set_propagation(str(target), request.propagation)
    except OSError as error:
        unmount_volume(target)
        raise _explained(name, request, error) from error


def unmount_volume(target: Path) -> None:
    """Unmount; one that is not mounted is success. A mount still in use goes with its last user. Raises: OSError."""
    while is_mount_point(target):
        m.umount(str(target), m.MNT_DETACH)


def _resolved(name: str, request: MountRequest) -> MountRequest:
    server = server_of(request)
    if server is None:
        return request
    try:
        found = socket.getaddrinfo(server, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(
            f"cannot mount volume {name!r}: server {server!r} has no address: {error.strerror}"
        ) from error
    return with_server(request, str(found[0][4][0]))


def _explained(name: str, request: MountRequest, error: OSError) -> CkError:
    what = f"cannot mount volume {name!r} (type {request.kind!r}, device {request.source!r})"
    if error.errno == errno.ENODEV:
        return Unsupported(f"{what}: the kernel knows no file system {request.kind!r}")
    sentence = f"{what}: {os.strerror(error.errno or 0)}"
    if error.errno == errno.ENOENT:
        return NotFound(sentence)
    return Unavailable(sentence) if error.errno in _UNAVAILABLE else InvalidArgument(sentence)


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted on *path*, which has no symlinks; it may be of the same file system."""
    wanted = str(path)
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        point = line.split(" ", 5)[4]
        # proc_pid_mountinfo(5): space, tab, newline and backslash are octal escapes.
        if point == wanted or ("\\" in point and _unescaped(point) == wanted):
            return True
    return False


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
