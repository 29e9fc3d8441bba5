"""What can still be read of a damaged store, and where the damaged file goes."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_MARK: Final = ".damaged-"
_SIDE_FILES: Final = ("", "-wal", "-shm")

Row = tuple[str, str, str]
"""Kind, ID and JSON of a record."""


def set_aside(path: Path) -> tuple[Path, list[Row]]:
    """Rename the database with its side files; return the new name and the records that can be read of it."""
    aside = path.with_name(f"{path.name}{_MARK}{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    rows: dict[tuple[str, str], Row] = {}
    for direction in ("ASC", "DESC"):  # a damaged page stops one way through the table, not the other
        for row in _readable(aside, direction):
            rows[row[0], row[1]] = row
    return aside, list(rows.values())


def damaged_stores(path: Path) -> list[Path]:
    """The files that `set_aside` made of the database at *path* and nobody has removed yet."""
    found = path.parent.glob(f"{path.name}{_MARK}*")
    return sorted(each for each in found if not each.name.endswith(_SIDE_FILES[1:]))


def _readable(path: Path, direction: str) -> Iterator[Row]:
    try:
        db = sqlite3.connect(path)
    except sqlite3.Error:
        return
    try:
        yield from db.execute(f"SELECT kind, id, json FROM records ORDER BY kind {direction}, id {direction}")
    except (sqlite3.Error, UnicodeDecodeError):
        return
    finally:
        db.close()
