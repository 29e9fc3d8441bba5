"""Columns aligned as Go's tabwriter does it for Docker: at least 10 wide, 3 apart."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MINIMUM_WIDTH = 10
PADDING = 3


def align(lines: Sequence[str]) -> list[str]:
    """Lines whose cells end with tabs; the text after the last tab is not padded.

    A column is a block of neighbouring lines that have it (the elastic tabstops of text/tabwriter).
    """
    rows = [line.split("\t") for line in lines]
    widths: list[list[int]] = [[0] * (len(row) - 1) for row in rows]
    for column in range(max((len(row) for row in widths), default=0)):
        start = 0
        while start < len(rows):
            if column >= len(widths[start]):
                start += 1
                continue
            end = start
            while end < len(rows) and column < len(widths[end]):
                end += 1
            width = max(MINIMUM_WIDTH, *(len(rows[row][column]) + PADDING for row in range(start, end)))
            for row in range(start, end):
                widths[row][column] = width
            start = end
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, width_of, strict=False)) + row[-1]
        for row, width_of in zip(rows, widths, strict=True)
    ]
