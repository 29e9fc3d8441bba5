"""The shim's event loop: epoll(7) and timers, nothing else."""

import heapq
import itertools
import select
import time
from collections.abc import Callable
from typing import Final

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
HANGUP: Final = select.EPOLLHUP | select.EPOLLERR  # always reported, asked for or not

Handler = Callable[[int], None]


class Timer:
    """A call to come; `cancel` it, or let it be."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """Calls handlers with the events (READABLE, WRITABLE, HANGUP) of the fds they watch; level-triggered."""

    __slots__ = ("_count", "_epoll", "_handlers", "_stopped", "_timers")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._stopped = False

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call *handler* upon *events* of *fd*, until `forget`."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def change(self, fd: int, events: int) -> None:
        """Watch a known *fd* for other events. HANGUP comes even where none is asked for: `forget` to be left alone."""
        self._epoll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """Watch *fd* no more; before it is closed. One that is not watched is fine."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call *callback* once, later."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), timer))
        return timer

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopped:
            ready = [(fd, events, self._handlers[fd]) for fd, events in self._epoll.poll(self._patience())]
            for fd, events, handler in ready:
                # An earlier handler of this round may have closed the fd, and its number may mean another file by now.
                if self._handlers.get(fd) is handler:
                    handler(events)
            self._fire()

    def stop(self) -> None:
        """Let `run` return after this round."""
        self._stopped = True

    def _patience(self) -> float:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1

    def _fire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2].callback
            if callback is not None:
                callback()
