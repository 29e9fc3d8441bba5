"""Watch files and directories for change (inotify(7))."""

import ctypes
import os
import struct
from types import TracebackType
from typing import Final, NamedTuple, Self

from ck.kernel.linux.libc import function

IN_MODIFY: Final = 0x2
IN_ATTRIB: Final = 0x4
IN_CLOSE_WRITE: Final = 0x8
IN_MOVED_FROM: Final = 0x40
IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
IN_DELETE_SELF: Final = 0x400
IN_MOVE_SELF: Final = 0x800
IN_Q_OVERFLOW: Final = 0x4000
IN_IGNORED: Final = 0x8000
IN_ONLYDIR: Final = 0x1000000

_HEADER: Final = struct.Struct("iIII")  # struct inotify_event, without its name
_BUFFER: Final = 65536

_inotify_init1 = function("inotify_init1", ctypes.c_int)
_inotify_add_watch = function("inotify_add_watch", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_inotify_rm_watch = function("inotify_rm_watch", ctypes.c_int, ctypes.c_int)


class Change(NamedTuple):
    """One event. `name` is the entry of a watched directory, "" for the watched file itself. IN_Q_OVERFLOW in `mask`
    says that events were lost: look at everything anew."""

    watch: int
    mask: int
    cookie: int
    name: str


class Inotify:
    """An inotify instance; its fd is readable when `read` has something. Non-blocking and close-on-exec."""

    def __init__(self) -> None:
        self._fd = _inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._fd

    def watch(self, path: str | os.PathLike[str], mask: int) -> int:
        """Watch *path* for the events in *mask*; return the watch's number."""
        return _inotify_add_watch(self._fd, os.fsencode(path), mask)

    def unwatch(self, watch: int) -> None:
        """Stop a watch. Raises: OSError (EINVAL) for one whose file is gone, which ended it."""
        _inotify_rm_watch(self._fd, watch)

    def read(self) -> list[Change]:
        """What has happened so far; an empty list when nothing has."""
        try:
            data = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return []
        changes = []
        offset = 0
        while offset < len(data):
            watch, mask, cookie, length = _HEADER.unpack_from(data, offset)
            offset += _HEADER.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            changes.append(Change(watch, mask, cookie, os.fsdecode(name)))
        return changes

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
