"""The tables of the store, and how those of an older ck become today's."""

import sqlite3
from typing import Final

from ck.kernel.errors import CorruptData

_MIGRATIONS: Final = (
    # The script at index n makes version n + 1 of version n; version 0 is an empty file. Written once, never changed.
    """
    CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (kind, id))
        WITHOUT ROWID;
    CREATE TABLE events (cursor INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, json TEXT NOT NULL);
    CREATE INDEX events_at ON events (at);
    """,
    """
    ALTER TABLE events ADD COLUMN subject TEXT NOT NULL DEFAULT '';
    UPDATE events SET subject = json_extract(json, '$.subject');
    CREATE INDEX events_subject ON events (subject, cursor);
    """,
)
VERSION: Final = len(_MIGRATIONS)


def migrate(db: sqlite3.Connection, path: object) -> None:
    """Bring the database to today's version, in one transaction.

    Raises: CorruptData for one of a newer ck; *path* names it.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= version <= VERSION:
        raise CorruptData(f"the store {path} has version {version}, this ck reads version {VERSION}")
    if version < VERSION:
        scripts = "".join(_MIGRATIONS[version:])
        db.executescript(f"BEGIN; {scripts} PRAGMA user_version = {VERSION}; COMMIT;")
