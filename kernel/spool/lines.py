"""Lines as readers give them, and which of them are wanted. Pure."""

from collections.abc import Iterable
from typing import NamedTuple


class Lines(NamedTuple):
    """Lines of one stream (1 stdout, 2 stderr) that ended at one time (UNIX time in nanoseconds), each with its newline
    if it had one. A group, because a time for each of a million lines would cost more than the lines."""

    time_ns: int
    stream: int
    lines: list[bytes]


class Selection(NamedTuple):
    """Which lines: the last `tail` (None: all) of those of the streams in the bit set `streams` whose time is in
    [since_ns, until_ns)."""

    tail: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    streams: int = 3

    def in_time(self, time_ns: int) -> bool:
        """Whether a line of that time is wanted."""
        return (self.since_ns is None or time_ns >= self.since_ns) and (
            self.until_ns is None or time_ns < self.until_ns
        )


class Sieve:
    """Lets the lines of a selection through, but for its first `skip`. `past_until` once all further lines are too
    late."""

    def __init__(self, selection: Selection) -> None:
        self.skip = 0
        self.past_until = False
        self._selection = selection

    def select(self, groups: Iterable[Lines]) -> list[Lines]:
        """Those of *groups*, and of each those lines, that are wanted."""
        selection = self._selection
        wanted = []
        for group in groups:
            time_ns, stream, lines = group
            if selection.until_ns is not None and time_ns >= selection.until_ns:
                self.past_until = True
            if not (stream & selection.streams and selection.in_time(time_ns)):
                continue
            if self.skip:
                dropped = min(self.skip, len(lines))
                self.skip -= dropped
                group = Lines(time_ns, stream, lines[dropped:])
            # One empty line stands for an end of which no byte is left.
            if group.lines and group.lines != [b""]:
                wanted.append(group)
        return wanted
