"""Run a program of the host so that what can reach its /proc/PID/exe cannot write to it."""

from ck.kernel.linux.mount import MOUNT_ATTR_RDONLY, clone_tree, set_attributes


def open_read_only(path: str) -> int:
    """An fd of the file *path* through a read-only mount of its own, which is nowhere attached.

    A program executed as /proc/self/fd/N has that mount behind /proc/PID/exe: a container that gets hold of the link
    finds a read-only file system, whatever its capabilities (the weakness is CVE-2019-5736). Needs CAP_SYS_ADMIN.
    """
    tree = clone_tree(path)
    set_attributes(tree, add=MOUNT_ATTR_RDONLY)
    return tree
