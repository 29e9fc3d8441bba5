"""The one error of this package, and the guess at what was meant."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from ck.kernel.errors import InvalidArgument

MAX_GUESSED: Final = 40
"""Of a word for which a better one is sought: longer ones are no typing errors."""


@attrs.define(slots=False)
class DockerfileError(InvalidArgument):
    """The Dockerfile, or what it is given, cannot be built. `line` is None where no line of it is to blame."""

    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f" on line {self.line}"
        return f"dockerfile parse error{where}: {self.reason}"


@contextmanager
def on_line(line: int) -> Iterator[None]:
    """Give errors from within the number of the line, unless they have one."""
    try:
        yield
    except DockerfileError as error:
        if error.line is None:
            error.line = line
        raise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean RUN?)`, or nothing where none of *known* is at most two edits from *word*, whatever its case."""
    if len(word) > MAX_GUESSED:
        return ""
    distance, best = min(((_distance(word.lower(), name.lower()), name) for name in known), default=(3, ""))
    return f" (did you mean {best}?)" if distance <= 2 else ""


def _distance(one: str, other: str) -> int:
    """How many insertions, deletions, replacements and swaps of neighbours lead from *one* to *other*."""
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for index, char in enumerate(one, 1):
        last, before, row = before, row, [index]
        for column, other_char in enumerate(other, 1):
            best = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (char != other_char))
            if column > 1 and index > 1 and (char, one[index - 2]) == (other[column - 2], other_char):
                best = min(best, last[column - 2] + 1)
            row.append(best)
    return row[-1]
