"""What differs between a container's root and its image: two trees side by side, or an overlay's upper layer."""

import enum
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ck.kernel.archive.directories import HANDLE, names_in
from ck.kernel.archive.merged import MergedDirectory, is_opaque, merged_root
from ck.kernel.archive.nodes import handle_path, read_xattrs
from ck.kernel.archive.walk import walk


class Difference(enum.Enum):
    """What happened to a path."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class Changed:
    """One path, relative to the root. `size` is what a regular file takes now, 0 for everything else. `parent` is the
    directory of the new tree that it is in or, if deleted, was (an fd that is good until the comparison goes on).

    A directory counts as modified where something in it changed. Of a deleted directory only the top is told.
    """

    path: bytes
    difference: Difference
    parent: int
    size: int = 0

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


def compare_trees(old: int, new: int) -> Iterator[Changed]:
    """What turned the tree *old* into *new* (directory fds)."""
    yield from _compare(merged_root((old,)), merged_root((new,)), upper=False)


def upper_changes(upper: int, lowers: Sequence[int]) -> Iterator[Changed]:
    """What the upper layer of an overlay changes of the merged *lowers* (root fds, uppermost first)."""
    yield from _compare(merged_root(lowers), merged_root((upper,)), upper=True)


@dataclass(slots=True)
class _Level:
    """One directory under comparison, with what is yet to be looked at. `told` is whether its own change was told."""

    path: bytes
    old: MergedDirectory
    new: MergedDirectory
    names: Iterator[bytes]
    told: bool

    def close(self) -> None:
        self.new.close()
        self.old.close()


def _compare(old: MergedDirectory, new: MergedDirectory, *, upper: bool) -> Iterator[Changed]:
    """With *upper*, names that *new* lacks are as in *old*: it holds changes only."""
    stack = [_Level(b"", old, new, _names(old, new, upper=upper), told=True)]
    try:
        while stack:
            level = stack[-1]
            name = next(level.names, None)
            if name is None:
                stack.pop().close()
                continue
            path = level.path + b"/" + name if level.path else name
            before, after = level.old.lookup(name), level.new.lookup(name)
            change = _change(path, name, level.new.top(), before, after)
            if change:
                for outside, above in pairwise(stack):
                    if not above.told:
                        above.told = True
                        yield Changed(above.path, Difference.MODIFIED, outside.new.top())
                yield change
            if after and stat.S_ISDIR(after[1].st_mode) and (inner := level.new.child(name)):
                if outer := level.old.child(name):
                    stack.append(_Level(path, outer, inner, _names(outer, inner, upper=upper), told=change is not None))
                else:
                    yield from _all_added(path, inner)
    finally:
        for level in stack:
            level.close()


_Found = tuple[int, os.stat_result] | None


def _change(path: bytes, name: bytes, parent: int, before: _Found, after: _Found) -> Changed | None:
    if after is None:
        return Changed(path, Difference.DELETED, parent) if before else None
    if before is None:
        return Changed(path, Difference.ADDED, parent, _size(after[1]))
    return Changed(path, Difference.MODIFIED, parent, _size(after[1])) if _differs(name, before, after) else None


def _all_added(path: bytes, directory: MergedDirectory) -> Iterator[Changed]:
    # By a walk, not the stack of _compare: this is the container's own tree, whose depth nobody has limited.
    try:
        for visit in walk(directory.top()):
            if not visit.leaving:
                yield Changed(path + b"/" + visit.path, Difference.ADDED, visit.parent, _size(visit.status))
    finally:
        directory.close()


def _size(status: os.stat_result) -> int:
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _names(old: MergedDirectory, new: MergedDirectory, *, upper: bool) -> Iterator[bytes]:
    names = set(names_in(new.top()))
    if not (upper and not is_opaque(new.top())):
        names |= old.names()
    return iter(sorted(names))


def _differs(name: bytes, before: tuple[int, os.stat_result], after: tuple[int, os.stat_result]) -> bool:
    old, new = before[1], after[1]
    if (old.st_mode, old.st_uid, old.st_gid) != (new.st_mode, new.st_uid, new.st_gid):
        return True
    # A directory's time and size follow from what is in it, which is told anyway.
    if not stat.S_ISDIR(old.st_mode) and (
        (old.st_size, old.st_rdev, old.st_mtime_ns) != (new.st_size, new.st_rdev, new.st_mtime_ns)
    ):
        return True
    return _xattrs(before[0], name) != _xattrs(after[0], name)


def _xattrs(directory: int, name: bytes) -> dict[bytes, bytes]:
    handle = os.open(name, HANDLE, dir_fd=directory)
    try:
        return read_xattrs(handle_path(handle))
    finally:
        os.close(handle)
