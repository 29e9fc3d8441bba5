"""The user's terminal: its size, and raw mode that is always taken back."""

from __future__ import annotations

import os
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

INPUT_FLAGS, OUTPUT_FLAGS, CONTROL_FLAGS, LOCAL_FLAGS, SPECIAL = 0, 1, 2, 3, 6  # places in termios attributes


def size(descriptor: int) -> tuple[int, int]:
    """(rows, columns) of a terminal, (0, 0) of anything else."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return 0, 0
    return rows, columns


class RawTerminal:
    """Within the `with` block keys arrive as they are typed: no echo, no lines, no signals (cfmakeraw(3)).

    What is not a terminal is left alone.
    """

    def __init__(self, descriptor: int, *, wanted: bool = True) -> None:
        """*wanted* False does nothing."""
        self._descriptor, self._wanted = descriptor, wanted
        self._saved: list[Any] | None = None

    def __enter__(self) -> None:
        if not self._wanted or not os.isatty(self._descriptor):
            return
        self._saved = termios.tcgetattr(self._descriptor)
        raw = termios.tcgetattr(self._descriptor)
        raw[INPUT_FLAGS] &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        raw[OUTPUT_FLAGS] &= ~termios.OPOST
        raw[LOCAL_FLAGS] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        raw[CONTROL_FLAGS] = raw[CONTROL_FLAGS] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        raw[SPECIAL][termios.VMIN], raw[SPECIAL][termios.VTIME] = 1, 0
        # At once: waiting for output or dropping what was typed ahead would be seen by the user.
        termios.tcsetattr(self._descriptor, termios.TCSANOW, raw)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._saved is None:
            return
        try:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved)
        except termios.error:
            self._saved = None  # the terminal was hung up and took its settings with it
