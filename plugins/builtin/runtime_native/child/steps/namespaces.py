"""Namespaces: new ones, and those of others."""

import os
from collections.abc import Iterable

from ck.kernel.linux.link import bring_up
from ck.kernel.linux.namespace import CLONE_FLAGS, open_namespace, setns, unshare
from ck.plugins.builtin.runtime_native.child.plan import NamespacePlan
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
