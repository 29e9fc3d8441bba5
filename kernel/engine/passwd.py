"""Names of users and groups, looked up in a container's own files (passwd(5), group(5)), never in the host's."""

import os

from ck.kernel.archive.directories import open_in_root
from ck.kernel.errors import InvalidArgument


def owner_in(root: int, owner: str) -> tuple[int, int]:
    """The IDs of "user", "user:group" or ":group", names or numbers, in the root *root*. Without a group it is that of
    the user, for a mere number the same number. Blocks. Raises: InvalidArgument for a name that is not there."""
    user, _, group = owner.partition(":")
    uid = gid = 0
    if user.isdigit():
        uid = gid = int(user)
    elif user:
        uid, gid = _user(root, user)
    if group:
        gid = int(group) if group.isdigit() else _group(root, group)
    return uid, gid


def _user(root: int, name: str) -> tuple[int, int]:
    for fields in _lines(root, b"etc/passwd"):
        if len(fields) >= 4 and fields[0] == name and fields[2].isdigit() and fields[3].isdigit():
            return int(fields[2]), int(fields[3])
    raise InvalidArgument(f"unable to find user {name}: no matching entry in the container's passwd file")


def _group(root: int, name: str) -> int:
    for fields in _lines(root, b"etc/group"):
        if len(fields) >= 3 and fields[0] == name and fields[2].isdigit():
            return int(fields[2])
    raise InvalidArgument(f"unable to find group {name}: no matching entry in the container's group file")


def _lines(root: int, path: bytes) -> list[list[str]]:
    try:
        with os.fdopen(open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK), errors="replace") as file:
            return [line.rstrip("\n").split(":") for line in file]
    except OSError:  # none, or something that is no file
        return []
