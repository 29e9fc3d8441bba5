"""Signals that `ck` gets while it is attached: passed on to the container, or the end of `ck`.

`_signal` is the C part of signal: the Python part costs 3 ms to import, for enums.
"""

from __future__ import annotations

import os

from ck.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any, Self
else:
    import _signal

PROXIED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
ENDING = ("SIGHUP", "SIGINT", "SIGTERM")
FORCED_AFTER = 3  # so many interrupts end `ck` even if the container does not


class Handlers:
    """Within the `with` block, *actions* (by signal name) are called for the signals that arrive.

    Python runs them between two instructions and inside a blocked system call, which then goes on: so a signal is
    acted on even while our stdout is stuck. What an action raises ends the call. One that arrives between the last
    instruction and the beginning of a system call is acted on only after that: who may wait for long polls `awake`
    too, which becomes readable with each signal.
    """

    def __init__(self, actions: dict[str, Callable[[str], None]]) -> None:
        self._actions = actions
        self._before: dict[int, Any] = {}
        self.awake = self._wake = self._woken_before = -1

    def __enter__(self) -> Self:
        self.awake, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._woken_before = _signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for name, action in self._actions.items():
            number = int(getattr(_signal, name))
            # What the caller ignores (nohup) stays ignored.
            if _signal.getsignal(number) is _signal.SIG_IGN:
                continue
            self._before[number] = _signal.signal(number, self._handler(name, action))
        return self

    def _handler(self, name: str, action: Callable[[str], None]) -> Callable[[int, FrameType | None], None]:
        return lambda number, frame: action(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            _signal.signal(number, handler)
        _signal.set_wakeup_fd(self._woken_before)
        os.close(self.awake)
        os.close(self._wake)


def leave(name: str) -> None:
    """End `ck` as a shell counts the signal; whatever is open is closed and restored on the way out."""
    raise CliError("", 128 + int(getattr(_signal, name)))


class Proxy:
    """Passes signals on with *kill*, which is given a name like "INT". What arrives before `started` waits for it."""

    def __init__(self, kill: Callable[[str], None]) -> None:
        self._kill = kill
        self._started = False
        self._waiting: list[str] = []
        self._interrupts = 0

    def __call__(self, name: str) -> None:
        """Act on one signal."""
        if name in {"SIGINT", "SIGTERM"}:
            self._interrupts += 1
            if self._interrupts >= FORCED_AFTER:
                leave(name)
        if self._started:
            self._kill(name.removeprefix("SIG"))
        else:
            self._waiting.append(name)

    def started(self) -> None:
        """The container runs now."""
        self._started = True
        while self._waiting:
            self._kill(self._waiting.pop(0).removeprefix("SIG"))
