"""Looking into a container's root from the engine: mounted for the occasion where the container does not run."""

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

import trio

from ck.kernel.archive.directories import make_mountpoint, open_in_root
from ck.kernel.archive.owners import HOST, Owners
from ck.kernel.drivers.storage import RootMount
from ck.kernel.errors import Conflict
from ck.kernel.linux import mount as mounting
from ck.kernel.linux.namespace import CLONE_FLAGS, open_namespace, setns
from ck.kernel.linux.private_mounts import in_private_mounts
from ck.kernel.linux.user_namespace import acting_for

T = TypeVar("T")


class Bind(NamedTuple):
    """A detached mount (an fd, closed by the view), where it goes in the container, whether it is read-only there."""

    tree: int
    target: str
    read_only: bool


# Each view may wait for a client that reads or sends slowly: they do not share the limit of the other worker threads.
_views: Final = trio.CapacityLimiter(16)


async def in_root(
    mounts: Sequence[RootMount], binds: Sequence[Bind], work: Callable[[int], T], *, read_only: bool = False
) -> T:
    """Mount a container's root and *binds* on it where nobody else sees it, and return what *work* returns.

    *work* is called in a thread of its own with an O_PATH fd of the root; when it ends, also by SIGKILL, the mounts are
    gone. A cancelled caller waits for it to end. With *read_only* the root cannot be written (the binds say for
    themselves), which spares an overlay the flush of its file system when it is unmounted.
    Raises: what *work* raises, OSError.
    """
    job = partial(_assembled, tuple(mounts), tuple(binds), work, read_only)
    return await trio.to_thread.run_sync(in_private_mounts, job, limiter=_views)


async def in_running_root(pid: int, work: Callable[[int], T], owners: Owners = HOST) -> T:
    """As `in_root`, on the root that process *pid* (of the host) has now, with all that is mounted there. What *work*
    makes belongs to the root of *owners*.

    Raises: Conflict if there is no such process.
    """
    return await trio.to_thread.run_sync(_running, pid, work, owners, limiter=_views)


async def in_bare_root(pid: int, work: Callable[[int], T]) -> T:
    """As `in_running_root`, but without what is mounted in that root: its mount points show what lies below.

    Raises: Conflict if there is no such process.
    """
    return await trio.to_thread.run_sync(in_private_mounts, partial(_bare, pid, work), limiter=_views)


def attach_root(mounts: Sequence[RootMount], target: str, *, flags: int = 0) -> None:
    """Make *mounts*, one on the other, at the directory *target* (absolute), with further MS_* *flags*.

    Leaves the working directory at the last one's `cwd`: for threads that have one of their own.
    """
    for entry in mounts:
        if entry.cwd is not None:
            os.chdir(entry.cwd)
        if entry.type == "bind":
            mounting.mount(entry.source, target, "", mounting.MS_BIND | mounting.MS_REC)
            if flags:
                mounting.mount("", target, "", mounting.MS_BIND | mounting.MS_REMOUNT | flags)
        else:
            mounting.mount(entry.source, target, entry.type, flags, ",".join(entry.options))


def _assembled(mounts: Sequence[RootMount], binds: Sequence[Bind], work: Callable[[int], T], read_only: bool) -> T:
    try:
        # The driver's own directory serves as the mount point: it is there, and in this namespace nobody looks for it.
        target = mounts[0].cwd or mounts[0].source
        # A mount point that is missing has to be made, so the root stays writable where something is bound onto it.
        attach_root(mounts, target, flags=mounting.MS_RDONLY if read_only and not binds else 0)
        root = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for bind in binds:
                if bind.read_only:
                    mounting.set_attributes(bind.tree, add=mounting.MOUNT_ATTR_RDONLY, recursive=True)
                directory = stat.S_ISDIR(os.fstat(bind.tree).st_mode)
                make_mountpoint(root, os.fsencode(bind.target), directory=directory)
                place = open_in_root(root, os.fsencode(bind.target), os.O_PATH)
                try:
                    mounting.attach(bind.tree, place)
                finally:
                    os.close(place)
            return work(root)
        finally:
            os.close(root)
    finally:
        for bind in binds:
            os.close(bind.tree)


def _bare(pid: int, work: Callable[[int], T]) -> T:
    try:
        theirs = open_namespace(pid, "mnt")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Conflict(f"the container's process {pid} is gone") from error
    try:
        ours = open_namespace("thread-self", "mnt")
        try:
            # A mount can only be cloned in its own namespace; joining it makes its root ours (setns(2)).
            setns(theirs, CLONE_FLAGS["mnt"])
            root = mounting.clone_tree("/")
            setns(ours, CLONE_FLAGS["mnt"])
        finally:
            os.close(ours)
    finally:
        os.close(theirs)
    try:
        return work(root)
    finally:
        os.close(root)


def _running(pid: int, work: Callable[[int], T], owners: Owners) -> T:
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Conflict(f"the container's process {pid} is gone") from error
    try:
        with acting_for(owners.first, owners.first):
            return work(root)
    finally:
        os.close(root)
