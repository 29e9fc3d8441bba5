"""Namespaces that are made before the container they are for."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from ck.kernel.drivers.runtime import OwnNamespaces
from ck.kernel.errors import InvalidArgument, Unavailable, Unsupported
from ck.kernel.linux.mount import clone_tree
from ck.kernel.linux.namespace import open_namespace
from ck.kernel.linux.user_namespace import IdMapping, map_mount, write_maps
from ck.plugins.builtin.runtime_native._forkserver import Forkserver
from ck.plugins.builtin.runtime_native.child import wire

_SECONDS: Final = 10.0
OLDEST_MAPPING_KERNEL: Final = (5, 19)
PROBE: Final = (IdMapping(0, 1 << 30, 1 << 16),)


async def make_namespaces(
    forkserver: Forkserver, users: Sequence[IdMapping], groups: Sequence[IdMapping]
) -> OwnNamespaces:
    """See RuntimeDriver. Asks twice: a forkserver may die of what somebody else asked."""
    for _ in range(2):
        ours, theirs = wire.pair()
        ours.setblocking(False)
        with ours:
            with theirs:
                await forkserver.namespaces(theirs)
            message = await _answer(ours)
            if message is None:
                continue
            if message.kind is wire.Kind.FAILED:
                raise Unsupported(message.payload["message"])
            # While our end is open the process lives, so its PID is its own.
            return _take(message.payload["pid"], users, groups)
    raise Unavailable("the forkserver dies as soon as it is asked for namespaces")


def find_obstacle(user_namespace: int, paths: Sequence[Path]) -> str:
    """Try to map a mount of each of *paths* by *user_namespace* (an fd); say what cannot be. Blocks."""
    for path in paths:
        tree = clone_tree(str(path))
        try:
            map_mount(tree, user_namespace)
        except OSError as exc:
            return f"the file system of {path} cannot be ID-mapped: {exc.strerror or exc}"
        finally:
            os.close(tree)
    return ""


async def _answer(ours: socket.socket) -> wire.Message | None:
    try:
        with trio.fail_after(_SECONDS):
            await trio.lowlevel.wait_readable(ours)
    except trio.TooSlowError as exc:
        raise Unavailable(f"the forkserver made no namespaces within {_SECONDS:g} seconds") from exc
    return wire.recv(ours)


def _take(pid: int, users: Sequence[IdMapping], groups: Sequence[IdMapping]) -> OwnNamespaces:
    try:
        write_maps(pid, users, groups)
    except OSError as exc:
        ranges = ", ".join(f"{inside}:{outside}:{size}" for inside, outside, size in (*users, *groups))
        raise InvalidArgument(f"the kernel refuses the ID mappings {ranges}: {exc.strerror}") from exc
    user = open_namespace(pid, "user")
    try:
        return OwnNamespaces(user=user, network=open_namespace(pid, "net"))
    except BaseException:
        os.close(user)
        raise
