"""From entries of Docker's json-file format back to lines. Pure."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from ck.kernel.spool.json_encode import PIECE_MAX
from ck.kernel.spool.lines import Lines

LINE_MAX = 1024 * 1024
"""Bytes after which pieces are no longer put together."""

_STREAMS = {"stdout": 1, "stderr": 2}
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Entry(NamedTuple):
    """One entry. `line` has no newline if it is a piece."""

    time_ns: int
    stream: int
    line: bytes

    def goes_on(self) -> bool:
        """Whether the next entry may be the next piece of the line. A piece that is shorter is the end of a run; up to
        3 bytes less, because no character is torn."""
        return not self.line.endswith(b"\n") and len(self.line) >= PIECE_MAX - 3


def decode(text: bytes) -> list[Entry]:
    """The entries in *text*, whole lines of a log file. A line that is no entry is left out."""
    try:
        # One call for all is twice as fast as one for each.
        entries = json.loads(b"[" + text.rstrip(b"\n").replace(b"\n", b",") + b"]")
        return [
            Entry(_cached_time(fields["time"]), _STREAMS[fields["stream"]], fields.get("log", "").encode())
            for fields in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = text.splitlines()
        # One bad line must not take the others along.
        return [entry for line in lines for entry in decode(line)] if len(lines) > 1 else []


def parse_time(text: str) -> int:
    """UNIX time in nanoseconds of a time in RFC 3339. Raises: ValueError."""
    # datetime knows microseconds only, so the decimals are taken apart.
    whole, rest = text[:19], text[19:]
    decimals = ""
    if rest.startswith("."):
        zone = rest[1:].lstrip("0123456789")
        decimals, rest = rest[1 : len(rest) - len(zone)], zone
    since = datetime.fromisoformat(whole + rest) - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000_000 + int(decimals[:9].ljust(9, "0"))


# Lines that came in one chunk have one time.
_cached_time = lru_cache(maxsize=8)(parse_time)


class Joiner:
    """Puts pieces of a line together, where no entry of the other stream came between, and groups what is of one time.

    The format does not say whether a piece is the last one of a run; where its length does not tell either, it is not.
    """

    def __init__(self) -> None:
        self._pieces: list[Entry] = []

    def feed(self, entries: Iterable[Entry]) -> list[Lines]:
        """Take the next entries; return the lines that are whole."""
        groups: list[Lines] = []
        lines: list[bytes] = []
        last: tuple[int, int] | None = None
        for entry in entries:
            time_ns, stream, line = entry
            if self._pieces and stream != self._pieces[0].stream:
                groups += self.finish()
                last = None
            if self._pieces or (line[-1:] != b"\n" and entry.goes_on()):
                self._pieces.append(entry)
                if not entry.goes_on() or len(self._pieces) * PIECE_MAX >= LINE_MAX:
                    groups += self.finish()
                    last = None
            elif last == (time_ns, stream):
                lines.append(line)
            else:
                lines, last = [line], (time_ns, stream)
                groups.append(Lines(time_ns, stream, lines))
        return groups

    def finish(self) -> list[Lines]:
        """The line of which some pieces are here."""
        if not self._pieces:
            return []
        last, line = self._pieces[-1], b"".join(piece.line for piece in self._pieces)
        self._pieces = []
        return [Lines(last.time_ns, last.stream, [line])]
