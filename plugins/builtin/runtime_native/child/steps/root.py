"""The container's root: made at a place of its own, then put in the host's stead."""

import errno
import os

from ck.kernel.linux.mount import (
    AT_FDCWD,
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    attach,
    clone_tree,
    mount,
    pivot_root,
    set_attributes,
    set_propagation,
    umount,
)
from ck.kernel.linux.user_namespace import map_mount
from ck.plugins.builtin.runtime_native.child.plan import Plan, RootMountPlan, UserPlan
from ck.plugins.builtin.runtime_native.child.steps.failure import doing, quote


def make(plan: Plan) -> int:
    """Mount the root; return a fd of it (O_PATH)."""
    rootfs = plan["rootfs"]
    with doing("detach the container's mounts from the host's"):
        set_propagation("/", plan["root_propagation"])
        if plan["root_propagation"] & MS_SHARED:
            _make_parent_private(rootfs)
    for entry in plan["root"]:
        with doing(f"mount the {entry['type']} root from {quote(entry['source'])}"):
            if plan["user"] is None:
                _mount(entry, rootfs)
            else:
                _mount_mapped(entry, rootfs, plan["user"])
    with doing(f"open the root {quote(rootfs)}"):
        return os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _mount(entry: RootMountPlan, rootfs: str) -> None:
    if entry["cwd"]:
        # Many layers fit into mount(2)'s one page of options only by relative names.
        os.chdir(entry["cwd"])
    flags = entry["flags"]
    if flags & MS_BIND:
        mount(entry["source"], rootfs, "none", MS_BIND | MS_REC)
        if flags & MS_RDONLY:
            set_attributes(AT_FDCWD, path=rootfs, add=MOUNT_ATTR_RDONLY)
    else:
        _mount_overlay(entry, rootfs)
    if entry["cwd"]:
        os.chdir("/")


def _mount_mapped(entry: RootMountPlan, rootfs: str, user: UserPlan) -> None:
    """The files keep the container's IDs on disk, and are shown as those of its users on the host."""
    users = os.open(user["path"], os.O_RDONLY | os.O_CLOEXEC)
    if entry["flags"] & MS_BIND:
        tree = clone_tree(entry["source"], recursive=True)
        map_mount(tree, users, recursive=True)
        if entry["flags"] & MS_RDONLY:
            set_attributes(tree, add=MOUNT_ATTR_RDONLY)
        _attach_at(tree, rootfs)
    else:
        # An overlay's layers are named relative to one directory. Seen through its mapped copy, which lies beneath the
        # overlay from now on, all of them are mapped by one mount, however many there are, or by one each where they
        # are mounts themselves.
        for name in ("", *entry["beneath"]):
            tree = clone_tree(f"{entry['cwd']}/{name}")
            # Not a peer of the original: what goes onto it must not appear on the host, nor the other way round.
            set_attributes(tree, propagation=MS_PRIVATE)
            map_mount(tree, users)
            _attach_at(tree, f"{rootfs}/{name}")
        os.chdir(rootfs)
        _mount_overlay(entry, rootfs)
        os.chdir("/")
    os.close(users)


def _mount_overlay(entry: RootMountPlan, rootfs: str) -> None:
    try:
        mount(entry["source"], rootfs, entry["type"], entry["flags"], entry["data"])
    except OSError as error:
        # Where the file system has lost a write, anybody's, of which nobody has heard yet, overlayfs refuses to do
        # without flushes (overlayfs.rst, "Volatile mount"). With them it is no reason not to run.
        flushed = ",".join(option for option in entry["data"].split(",") if option != "volatile")
        if error.errno != errno.EIO or flushed == entry["data"]:
            raise
        mount(entry["source"], rootfs, entry["type"], entry["flags"], flushed)


def _attach_at(tree: int, path: str) -> None:
    place = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    attach(tree, place)
    os.close(place)
    os.close(tree)


def _make_parent_private(rootfs: str) -> None:
    """The mount that *rootfs* lies on: else the container's root would appear on the host, and pivot_root(2)
    refuses."""
    path = rootfs
    while True:
        try:
            return set_propagation(path, MS_PRIVATE)
        except OSError:
            # EINVAL: not where a mount begins.
            if path == "/":
                raise
            path = os.path.dirname(path)


def enter(root: int, plan: Plan) -> None:
    """Make *root* the root directory and drop the host's."""
    with doing("change to the container's root"):
        host = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(root)
        # The old root goes on top of the new one, so no directory need be made for it (pivot_root(2), NOTES).
        pivot_root(".", ".")
        os.fchdir(host)
        # Where mounts are shared with the host, the unmounts that follow would be too.
        set_propagation(".", MS_SLAVE | MS_REC)
        umount(".", MNT_DETACH)
        os.close(host)
        os.chdir("/")
        set_propagation("/", plan["root_propagation"] & ~MS_REC)
        if plan["root_read_only"]:
            set_attributes(AT_FDCWD, path="/", add=MOUNT_ATTR_RDONLY)
