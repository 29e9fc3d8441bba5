"""Docker's JSON progress stream: bars that are redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os

from ck.cli.errors import CliError
from ck.cli.output.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

BAR = 50
UNKNOWN_WIDTH = 80  # of a terminal that does not tell
CLEAR_LINE = "\x1b[2K\r"


def bar(current: int, total: int, width: int) -> str:
    """`[====>    ]  1.2MB/3.4MB` in *width* columns; without the bar where there is no room for it."""
    if total <= 0:
        return human_size(current) if current else ""
    numbers = f"{human_size(current):>8}/{human_size(total)}"
    if width < 110:
        return numbers
    filled = min(BAR, current * BAR // total)
    head = "=" * filled + (">" if filled < BAR else "")
    return f"[{head:<{BAR}}] {numbers}"


class Progress:
    """Shows progress messages on *out* as they come."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._width = (self._terminal and os.get_terminal_size(out.fileno()).columns) or UNKNOWN_WIDTH
        self._lines: dict[str, int] = {}  # of the IDs that have a line of their own

    def show(self, messages: Iterable[dict[str, Any]]) -> None:
        """Show all of *messages*. Raises: CliError for one that carries an error."""
        for message in messages:
            if error := message.get("error") or (message.get("errorDetail") or {}).get("message"):
                raise CliError(str(error))
            if "aux" in message:
                continue  # for programs
            if "stream" in message:
                self._lines.clear()
                self._out.write(message["stream"])
            elif self._terminal:
                self._draw(message)
            else:
                self._print(message)
        self._out.flush()

    def _print(self, message: dict[str, Any]) -> None:
        detail = message.get("progressDetail") or {}
        if "status" in message and not detail.get("current"):
            self._out.write(_line(message, "") + "\n")

    def _draw(self, message: dict[str, Any]) -> None:
        detail = message.get("progressDetail") or {}
        text = _line(message, bar(detail.get("current") or 0, detail.get("total") or 0, self._width))
        identifier = message.get("id", "")
        # A line without bar and ID, or one like "latest: Pulling from", is said once and then left alone.
        if not identifier or "progressDetail" not in message:
            self._lines.clear()
            self._out.write(text + "\n")
            return
        if identifier not in self._lines:
            self._lines[identifier] = len(self._lines)
            self._out.write("\n")
        up = len(self._lines) - self._lines[identifier]
        # A line longer than the terminal would wrap, and put every count of lines wrong.
        self._out.write(f"\x1b[{up}A{CLEAR_LINE}{text[: self._width - 1]}\x1b[{up}B\r")
        self._out.flush()


def _line(message: dict[str, Any], progress: str) -> str:
    identifier = f"{message['id']}: " if message.get("id") else ""
    return f"{identifier}{message.get('status', '')} {progress}".rstrip()
