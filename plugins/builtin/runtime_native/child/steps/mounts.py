"""The spec's mounts, made on descriptors so that no path is resolved twice."""

import errno
import os
import re
import stat
from collections.abc import Iterable

from ck.kernel.linux.mount import MS_REC, attach, clone_tree, mount, set_attributes
from ck.kernel.linux.namespace import CLONE_FLAGS, open_namespace, setns
from ck.kernel.linux.user_namespace import map_mount
from ck.plugins.builtin.runtime_native.child.plan import MountPlan
from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, doing, quote, reason
from ck.plugins.builtin.runtime_native.child.steps.inside import make_directory, make_file, open_inside


def make(root: int, mounts: Iterable[MountPlan]) -> None:
    """Make *mounts* below *root*, in order."""
    for entry in mounts:
        try:
            if entry["type"] == "bind":
                _bind(root, entry)
            else:
                _file_system(root, entry)
        except OSError as exc:
            what = quote(entry["source"]) if entry["type"] == "bind" else entry["type"]
            where = quote(entry["target"])
            raise StepFailed(
                f"cannot mount {what} at {where} in the container: {reason(exc)}", errno=exc.errno or 0
            ) from exc


def finish(root: int, mounts: Iterable[MountPlan]) -> None:
    """What had to wait until all were made: links in them, and making them read-only."""
    for entry in mounts:
        if not entry["links"] and not entry["late_attributes"]:
            continue
        with doing(f"finish the mount at {quote(entry['target'])}"):
            top = open_inside(root, entry["target"])
            for name, target in entry["links"]:
                os.symlink(target, name, dir_fd=top)
            if entry["late_attributes"]:
                set_attributes(top, add=entry["late_attributes"])
            os.close(top)


def _bind(root: int, entry: MountPlan) -> None:
    if re.fullmatch(r"/proc/\d+/fd/\d+", entry["source"]):
        tree = os.open(entry["source"], os.O_PATH | os.O_CLOEXEC)  # a copy that was made already
    else:
        tree = _copy(entry["source"], recursive=entry["recursive"])
    try:
        if entry["id_map"]:
            _map_ids(tree, entry)
        _change(tree, entry)
        make_target = make_directory if stat.S_ISDIR(os.fstat(tree).st_mode) else make_file
        target = make_target(root, entry["target"])
        attach(tree, target)
        os.close(target)
    finally:
        os.close(tree)


def _map_ids(tree: int, entry: MountPlan) -> None:
    users = os.open(entry["id_map"], os.O_RDONLY | os.O_CLOEXEC)
    try:
        # All below too, or else what is bound itself: a file system that cannot be mapped, as /proc, may be below.
        for recursive in (True, False) if entry["recursive"] else (False,):
            try:
                map_mount(tree, users, recursive=recursive)
            except OSError as exc:
                if exc.errno != errno.EINVAL:
                    raise
            else:
                return
    finally:
        os.close(users)
    if entry["must_map"]:
        raise StepFailed(
            f"cannot mount {quote(entry['source'])} at {quote(entry['target'])} in the container: "
            "its file system cannot show other owners than those on disk",
            errno=errno.EINVAL,
        )


def _copy(source: str, *, recursive: bool) -> int:
    """A detached copy of the mount at *source*.

    Also where that lies in another process's root ("/proc/PID/root/...").
    """
    foreign = re.fullmatch(r"/proc/(\d+)/root(/.*)", source)
    if not foreign:
        return clone_tree(source, recursive=recursive)
    # A mount can be copied only from within its own namespace (open_tree(2), EINVAL).
    here, there = open_namespace("self", "mnt"), open_namespace(foreign[1], "mnt")
    try:
        setns(there, CLONE_FLAGS["mnt"])
        try:
            return clone_tree(foreign[2], recursive=recursive)
        finally:
            setns(here, CLONE_FLAGS["mnt"])
    finally:
        os.close(here)
        os.close(there)


def _file_system(root: int, entry: MountPlan) -> None:
    target = make_directory(root, entry["target"])
    # The host's /proc leads to the very directory that was opened, whatever the path means by now.
    mount(entry["source"], f"/proc/self/fd/{target}", entry["type"], entry["flags"], entry["data"])
    os.close(target)
    if entry["propagation"] or any(entry["recursive_attributes"]):
        top = open_inside(root, entry["target"])
        _change(top, entry)
        os.close(top)


def _change(tree: int, entry: MountPlan) -> None:
    add, drop = entry["attributes"]
    if add or drop:
        set_attributes(tree, add=add, drop=drop)
    add, drop = entry["recursive_attributes"]
    if add or drop:
        set_attributes(tree, add=add, drop=drop, recursive=True)
    for flags in entry["propagation"]:
        set_attributes(tree, propagation=flags & ~MS_REC, recursive=bool(flags & MS_REC))
