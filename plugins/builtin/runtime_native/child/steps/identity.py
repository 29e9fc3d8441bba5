"""Who a process is: users and groups as the container's /etc/passwd and /etc/group have them (passwd(5), group(5)).

The parsing and the choice are pure; `read_lines` reads files that the image made, so it trusts nothing about them.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ck.plugins.builtin.runtime_native.child.steps.failure import StepFailed, quote

_MAX_ID: Final = 2**31 - 1  # as Docker counts
_MAX_FILE: Final = 8 << 20


class Identity(NamedTuple):
    """`groups` are the supplementary ones. `home` is "" where no entry says."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class _User(NamedTuple):
    name: str
    uid: int
    gid: int
    home: str


class _Group(NamedTuple):
    name: str
    gid: int
    members: tuple[str, ...]


def resolve(
    user: str,
    groups: Sequence[str],
    fallback: Identity,
    passwd: Iterable[str],
    group: Iterable[str],
) -> Identity:
    """Find *user* ("", "1000", "name", "name:group", "0:0") and further *groups*, given the lines of both files.

    A part that is left out is that of *fallback*. A number need not be in the files; a name must. Supplementary groups
    are the primary one and those that list the user, unless *user* names a group. Raises: StepFailed.
    """
    name, colon, group_name = user.partition(":")
    all_groups = list(_parse_groups(group))
    entry = _find_user(name, fallback.uid, passwd)
    if entry is not None:
        uid, gid, home = entry.uid, entry.gid, entry.home
    elif name and not _is_number(name):
        raise StepFailed(f"unable to find user {name}: no matching entries in passwd file")
    else:
        uid, gid, home = _number(name, "user") if name else fallback.uid, 0, ""
    if not name:
        gid = fallback.gid
    supplementary = list(fallback.groups)
    if colon and group_name:
        gid = _find_group(group_name, all_groups)
    elif entry is not None:
        supplementary += [candidate.gid for candidate in all_groups if entry.name in candidate.members]
    supplementary += [_find_group(further, all_groups) for further in groups]
    # With the primary group among them a process that changes its group ID keeps what it could (CVE-2022-36109).
    return Identity(uid, gid, tuple(dict.fromkeys((gid, *supplementary))), home)


def read_lines(path: str) -> list[str]:
    """The lines of *path*; none where it is not an ordinary file."""
    try:
        # A FIFO must not block us, nor a device be read.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return []
        return os.read(fd, min(status.st_size, _MAX_FILE)).decode("utf-8", "surrogateescape").splitlines()
    finally:
        os.close(fd)


def _find_user(name: str, default_uid: int, passwd: Iterable[str]) -> _User | None:
    """By name, else by number; the name of all digits first, as Docker does."""
    number = default_uid if not name else int(name) if _is_number(name) else None
    by_number = None
    for user in _parse_users(passwd):
        if name and user.name == name:
            return user
        if by_number is None and user.uid == number:
            by_number = user
    return by_number


def _find_group(name: str, groups: Iterable[_Group]) -> int:
    for group in groups:
        if group.name == name:
            return group.gid
    if not _is_number(name):
        raise StepFailed(f"unable to find group {name}: no matching entries in group file")
    return _number(name, "group")


def _parse_users(lines: Iterable[str]) -> Iterator[_User]:
    for line in lines:
        fields = line.strip().split(":")
        if len(fields) >= 4 and _is_number(fields[2]) and _is_number(fields[3]):
            yield _User(fields[0], int(fields[2]), int(fields[3]), fields[5] if len(fields) > 5 else "")


def _parse_groups(lines: Iterable[str]) -> Iterator[_Group]:
    for line in lines:
        fields = line.strip().split(":")
        if len(fields) >= 3 and _is_number(fields[2]):
            members = tuple(filter(None, fields[3].split(","))) if len(fields) > 3 else ()
            yield _Group(fields[0], int(fields[2]), members)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str, what: str) -> int:
    number = int(text) if len(text) <= 10 else _MAX_ID + 1
    if number > _MAX_ID:
        raise StepFailed(f"{what} {quote(text)} is out of range: the highest number is {_MAX_ID}")
    return number
