"""Namespaces: new ones, and those of others."""

import os
from collections.abc import Iterable

from ck.kernel.linux.link import bring_up
from ck.kernel.linux.namespace import CLONE_FLAGS, open_namespace, setns, unshare
from ck.kernel.linux.user_namespace import be_for_files
from ck.plugins.builtin.runtime_native.child.plan import NamespacePlan, UserPlan
from ck.plugins.builtin.runtime_native.child.steps.failure import doing, quote


def enter_pid(namespace: NamespacePlan | None) -> None:
    """Let the caller's next children be in the container's PID namespace; the caller itself stays."""
    if namespace is None:
        return
    if namespace["path"]:
        _join(namespace)
    else:
        with doing("make a new pid namespace"):
            unshare(CLONE_FLAGS["pid"])


def enter(namespaces: Iterable[NamespacePlan]) -> None:
    """Join those with a path, then leave the others for new ones, all at once."""
    flags = 0
    for namespace in namespaces:
        if namespace["path"]:
            _join(namespace)
        else:
            flags |= CLONE_FLAGS[namespace["kind"]]
    with doing("make new namespaces"):
        unshare(flags)
    if flags & CLONE_FLAGS["net"]:
        with doing("bring the loopback link up"):
            bring_up("lo")


def open_users(user: UserPlan | None) -> int | None:
    """An fd of the container's user namespace, which is entered last of all: until then the host's root does the work,
    on behalf of the container's. What it makes from here on belongs to that. None for the host's."""
    if user is None:
        return None
    with doing("take the container's users"):
        be_for_files(user["uid"], user["gid"])
        return os.open(user["path"], os.O_RDONLY | os.O_CLOEXEC)


def open_users_of(pid: int, user: UserPlan | None) -> int | None:
    """As `open_users`, of process *pid*."""
    return None if user is None else open_users({**user, "path": f"/proc/{pid}/ns/user"})


def _join(namespace: NamespacePlan) -> None:
    with doing(f"join the {namespace['kind']} namespace {quote(namespace['path'])}"):
        fd = os.open(namespace["path"], os.O_RDONLY | os.O_CLOEXEC)
        setns(fd, CLONE_FLAGS[namespace["kind"]])
        os.close(fd)


def take_over(pid: int, kinds: Iterable[str]) -> None:
    """Join the namespaces of process *pid*, the mount namespace with its root directory last."""
    with doing("join the container's namespaces"):
        # All are opened first: once one is joined, /proc may be the container's.
        opened = [(CLONE_FLAGS[kind], open_namespace(pid, kind)) for kind in sorted(kinds, key="mnt".__eq__)]
        for flag, fd in opened:
            setns(fd, flag)
            os.close(fd)
