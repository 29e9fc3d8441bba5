"""Learn at once that the kernel has killed a process of the container for want of memory."""

import os
import select
from collections.abc import Callable
from typing import Final

from ck.kernel.linux.cgroup import Group, Layout, Oom, OomAccounts
from ck.kernel.linux.cgroup.files import write
from ck.plugins.builtin.runtime_native.child.loop import READABLE, Loop, Timer

_KILL_SECONDS: Final = 0.2


class OomWatch:
    """Calls *told* with the accounts each time that more processes were killed, from `begin` on."""

    def __init__(self, loop: Loop, layout: Layout, group: Group, told: Callable[[Oom], None]) -> None:
        self._loop, self._group, self._told = loop, group, told
        self._v1 = "memory" in layout.v1
        self._accounts = OomAccounts(layout, group)
        self._fd = -1
        self._again: Timer | None = None

    @property
    def last(self) -> Oom:
        """What was told last."""
        return self._accounts.last

    def begin(self) -> None:
        """Watch. Raises: OSError."""
        directory = self._group.directory("memory")
        if self._v1:
            # cgroup-v1/memory.rst, 9 and 10: an eventfd that is told to the group's cgroup.event_control.
            self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            control = os.open(os.path.join(directory, "memory.oom_control"), os.O_RDONLY | os.O_CLOEXEC)
            try:
                write(os.path.join(directory, "cgroup.event_control"), f"{self._fd} {control}")
            finally:
                os.close(control)
            self._loop.watch(self._fd, READABLE, self._look)
        else:
            self._fd = os.open(os.path.join(directory, "memory.events"), os.O_RDONLY | os.O_CLOEXEC)
            self._loop.watch(self._fd, select.EPOLLPRI, self._look)
        # A kill may have been before the watch.
        self._look(0)

    def close(self) -> None:
        """Watch no more; what nobody has told of yet is told."""
        self._tell(notified=self._again is not None or self._is_notified())
        if self._fd >= 0:
            if self._again is not None:
                self._again.cancel()
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _look(self, events: int) -> None:
        # Either file tells of what comes after this read.
        notified = self._is_notified()
        if not self._v1:
            try:
                os.pread(self._fd, 4096, 0)
            except OSError:
                self.close()  # the group is gone
                return
        if not self._tell(notified=notified) and notified:
            # v1 tells of an OOM first, and kills then.
            self._again = self._loop.after(_KILL_SECONDS, self._tell_late)

    def _tell_late(self) -> None:
        self._again = None
        self._tell(notified=True)

    def _is_notified(self) -> bool:
        if not self._v1 or self._fd < 0:
            return False
        try:
            return os.eventfd_read(self._fd) > 0
        except BlockingIOError:
            return False

    def _tell(self, *, notified: bool) -> bool:
        more = self._accounts.look(notified=notified)
        if more:
            self._told(self.last)
        return more
