"""IDs of a user namespace: what they are on the host, who a thread is for file systems, mounts that map them
(user_namespaces(7), setfsuid(2), mount_setattr(2) "ID-mapped mounts")."""

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from ck.kernel.linux.capability import permitted, set_capabilities
from ck.kernel.linux.libc import function
from ck.kernel.linux.mount import MOUNT_ATTR_IDMAP, set_attributes

_setfsuid = function("setfsuid", ctypes.c_uint)
_setfsgid = function("setfsgid", ctypes.c_uint)

MAXIMUM: Final = 2**32 - 1
"""One more than the highest ID."""


class IdMapping(NamedTuple):
    """*size* IDs from *inside* in the namespace are those from *outside* on the host."""

    inside: int
    outside: int
    size: int


def write_maps(pid: int, users: Iterable[IdMapping], groups: Iterable[IdMapping]) -> None:
    """Give the user namespace of process *pid* its users and groups, which it can get but once.

    Raises: OSError, EINVAL where two mappings overlap.
    """
    for file, mappings in (("uid_map", users), ("gid_map", groups)):
        text = "".join(f"{inside} {outside} {size}\n" for inside, outside, size in mappings)
        fd = os.open(f"/proc/{pid}/{file}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())  # all of it at once, as the kernel wants it
        finally:
            os.close(fd)


def be_for_files(uid: int, gid: int) -> None:
    """Have what this thread makes belong to *uid* and *gid*, and keep all of its power over files: the kernel refuses
    to make a file through a mount that does not map its maker's IDs."""
    _setfsgid(gid)
    _setfsuid(uid)
    # Another ID than 0 has cost the capabilities over files; what is permitted can be had again.
    held = permitted()
    set_capabilities(effective=held, permitted=held, inheritable=0)


@contextmanager
def acting_for(uid: int, gid: int) -> Iterator[None]:
    """As `be_for_files`, for a thread of root's that does other work again later."""
    if uid == gid == 0:
        yield
        return
    be_for_files(uid, gid)
    try:
        yield
    finally:
        be_for_files(0, 0)


def map_mount(tree: int, user_namespace: int, *, recursive: bool = False) -> None:
    """Let the detached mount *tree* show the IDs on disk as those that *user_namespace* (an fd) makes of them.

    Raises: OSError, EINVAL where a file system cannot.
    """
    set_attributes(tree, add=MOUNT_ATTR_IDMAP, user_namespace=user_namespace, recursive=recursive)
