"""The store: every record, and the journal of events, in one SQLite database.

A record and its events commit in one transaction. Readers never wait: each table is mirrored in memory, and the
mirror changes only after the commit. Writers that come at the same time share one transaction.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import attrs
import trio

from ck.kernel.api.container import Container
from ck.kernel.api.image import Image
from ck.kernel.errors import CorruptData, NotFound, Unavailable
from ck.kernel.events import Event, Recorded
from ck.kernel.store_records import KINDS, CacheRecord, Change, NetworkRecord, Put, VolumeRecord, record_converter
from ck.kernel.store_salvage import damaged_stores, set_aside
from ck.kernel.store_schema import migrate

T = TypeVar("T")
log: Final = logging.getLogger(__name__)

_TRIM_EVERY: Final = 1000  # events between two looks at the journal's bounds
_COMMIT_SECONDS: Final = 30.0


@attrs.define
class _Pending:
    changes: Sequence[Change]
    events: Sequence[Event]
    recorded: Sequence[Recorded] = ()
    error: Exception | None = None
    done: bool = False


class Table(Generic[T]):
    """The mirror of one kind of record: read it freely, it never blocks."""

    def __init__(self) -> None:
        self._rows: dict[str, T] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._rows

    def get(self, record_id: str) -> T | None:
        return self._rows.get(record_id)

    def ids(self) -> Sequence[str]:
        return list(self._rows)


class Store:
    """One database, opened by one process.

    `publish` is handed the events of each commit, in the order of their cursors.
    """

    def __init__(self, publish: Callable[[Sequence[Recorded]], None], *, max_events: int, max_age: timedelta) -> None:
        self.containers: Table[Container] = Table()
        self.images: Table[Image] = Table()
        self.volumes: Table[VolumeRecord] = Table()
        self.networks: Table[NetworkRecord] = Table()
        self.cache: Table[CacheRecord] = Table()
        self.unreadable: list[tuple[str, str, str]] = []  # kind, ID and a sentence; such a row is left alone
        self._publish = publish
        self._max_events, self._max_age = max_events, max_age
        self._converter = record_converter()
        self._db: sqlite3.Connection | None = None
        self._path = Path()
        self._pending: list[_Pending] = []
        self._lock = trio.Lock()
        self._since_trim = 0

    @property
    def unreadable_ids(self) -> frozenset[str]:
        """IDs of records that cannot be read: what carries one of them is not nobody's."""
        return frozenset(record_id for _, record_id, _ in self.unreadable)

    @property
    def damaged(self) -> Sequence[Path]:
        """Stores that were found damaged and set aside: as long as one is there, not every record may be."""
        return damaged_stores(self._path)

    async def open(self, path: Path) -> int:
        """Open or make the database and read all records; return the cursor of the newest event.

        A damaged one is set aside, and what can be read of it is kept; see `damaged`. Raises: CorruptData if it is of a
        newer version.
        """
        return await trio.to_thread.run_sync(self._open, path)

    def _open(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._path = path
        try:
            return self._open_whole(path)
        except sqlite3.DatabaseError as error:
            # Locked, or a full or failing disk, is for the caller; what is damaged cannot get better.
            if isinstance(error, sqlite3.OperationalError):
                raise Unavailable(f"cannot read the store {path}: {error}") from error
            log.error("the store %s is damaged: %s", path, error)
        aside, rows = set_aside(path)
        newest = self._open_whole(path)
        db = self._database()
        with db:
            db.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
        for row in rows:
            self._load(*row)
        log.error("%d records of it were saved; it is kept as %s", len(rows), aside)
        return newest

    def _open_whole(self, path: Path) -> int:
        """Raises: sqlite3.DatabaseError, CorruptData."""
        # Calls come from trio's worker threads, never two at once: commits hold the lock, reads open their own
        # connection.
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL survives kill -9 whole; a power cut may lose the last commits, never the database.
            db.execute("PRAGMA synchronous = NORMAL")
            migrate(db, path)
            [(verdict,), *_] = db.execute("PRAGMA quick_check(records)").fetchall()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            rows = db.execute("SELECT kind, id, json FROM records").fetchall()
            newest = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        except BaseException:
            db.close()
            raise
        for row in rows:
            self._load(*row)
        self._db = db
        return int(newest[0]) if newest else 0

    def _load(self, kind: str, record_id: str, text: str) -> None:
        classes = {name: cls for cls, name in KINDS.items()}
        try:
            record: Any = self._converter.structure(json.loads(text), classes[kind])
        except Exception as error:  # cattrs raises groups of whatever the field's type raises
            sentence = f"the {kind} {record_id} cannot be read from the store: {error!r}"
            self.unreadable.append((kind, record_id, sentence))
            return
        self._mirror(Put(record_id, record))

    async def commit(self, changes: Sequence[Change], events: Sequence[Event] = ()) -> Sequence[Recorded]:
        """Write *changes* and *events* as one, then update the mirrors and publish.

        Raises: Unavailable if the disk refuses; then nothing has changed.
        """
        entry = _Pending(changes, events)
        self._pending.append(entry)
        # Somebody else may already be writing our entry, so a cancelled caller must still learn how it ended:
        # shielded, for as long as a commit may take on a disk that works at all.
        with trio.fail_after(_COMMIT_SECONDS, shield=True):
            async with self._lock:
                if not entry.done:
                    await self._flush()
        if entry.error is not None:
            raise Unavailable(f"cannot write the store: {entry.error}") from entry.error
        return entry.recorded

    async def _flush(self) -> None:
        batch, self._pending = self._pending, []
        try:
            await trio.to_thread.run_sync(self._write, batch)
        except sqlite3.Error as error:
            for entry in batch:
                entry.error, entry.done = error, True
            return
        for entry in batch:
            for change in entry.changes:
                self._mirror(change)
            entry.done = True
        self._publish([recorded for entry in batch for recorded in entry.recorded])

    def _write(self, batch: Sequence[_Pending]) -> None:
        db = self._database()
        db.execute("BEGIN IMMEDIATE")
        try:
            for entry in batch:
                for change in entry.changes:
                    if isinstance(change, Put):
                        row = (KINDS[type(change.record)], change.id, self._dump(change.record))
                        db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", row)
                    else:
                        db.execute("DELETE FROM records WHERE kind = ? AND id = ?", (change.kind, change.id))
                entry.recorded = [Recorded(self._append(db, event), event) for event in entry.events]
            self._trim(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _append(self, db: sqlite3.Connection, event: Event) -> int:
        self._since_trim += 1
        row = (event.at.isoformat(), event.subject, self._dump(event))
        cursor = db.execute("INSERT INTO events (at, subject, json) VALUES (?, ?, ?)", row).lastrowid
        assert cursor is not None
        return cursor

    def _trim(self, db: sqlite3.Connection) -> None:
        if self._since_trim < _TRIM_EVERY:
            return
        self._since_trim = 0
        db.execute("DELETE FROM events WHERE cursor <= (SELECT max(cursor) FROM events) - ?", (self._max_events,))
        newest = datetime.fromisoformat(db.execute("SELECT max(at) FROM events").fetchone()[0])
        db.execute("DELETE FROM events WHERE at < ?", ((newest - self._max_age).isoformat(),))

    def dump(self, container: Container) -> str:
        """The text of a record, for a copy elsewhere."""
        return self._dump(container)

    def parse(self, text: str) -> Container:
        """A record from such a text. Raises: CorruptData."""
        try:
            return self._converter.structure(json.loads(text), Container)
        except Exception as error:  # cattrs raises groups of whatever the field's type raises
            raise CorruptData(f"the copy of a container's record cannot be read: {error!r}") from error

    def _dump(self, record: Any) -> str:
        return json.dumps(self._converter.unstructure(record), separators=(",", ":"))

    def _mirror(self, change: Change) -> None:
        kind = KINDS[type(change.record)] if isinstance(change, Put) else change.kind
        tables: Mapping[str, Table[Any]] = {
            "container": self.containers,
            "image": self.images,
            "volume": self.volumes,
            "network": self.networks,
            "cache": self.cache,
        }
        table = tables[kind]
        if isinstance(change, Put):
            table._rows[change.id] = change.record
        else:
            table._rows.pop(change.id, None)

    def _database(self) -> sqlite3.Connection:
        if self._db is None:
            raise Unavailable("the store is not open")
        return self._db

    async def journal(self, *, after: int = 0, since: datetime | None = None, limit: int = 1000) -> Sequence[Recorded]:
        """Events with a cursor above *after*, and not before *since*, oldest first, at most *limit*.

        Raises: NotFound where some that came right after *after* are no longer kept, with the cursors.
        """
        query = "SELECT cursor, json FROM events WHERE cursor > ? AND at >= ? ORDER BY cursor LIMIT ?"
        found = await self._read(query, (after, since.isoformat() if since else "", limit))
        if after and since is None and found and found[0].cursor > after + 1:
            raise NotFound(f"events {after + 1} to {found[0].cursor - 1} are no longer in the journal")
        return found

    async def history(self, subject: str, limit: int) -> Sequence[Recorded]:
        """The last *limit* events about *subject*, oldest first."""
        query = "SELECT cursor, json FROM events WHERE subject = ? ORDER BY cursor DESC LIMIT ?"
        return list(reversed(await self._read(query, (subject, limit))))

    async def _read(self, query: str, values: tuple[object, ...]) -> Sequence[Recorded]:
        return await trio.to_thread.run_sync(self._read_events, query, values)

    def _read_events(self, query: str, values: tuple[object, ...]) -> Sequence[Recorded]:
        # A connection of its own: in WAL mode a reader neither waits for a commit nor holds one up.
        reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        try:
            rows = reader.execute(query, values).fetchall()
        finally:
            reader.close()
        return [Recorded(cursor, self._converter.structure(json.loads(text), Event)) for cursor, text in rows]

    async def close(self) -> None:
        """Write the log back into the database and let go."""
        async with self._lock:
            if self._db is not None:
                await trio.to_thread.run_sync(self._db.close)
                self._db = None
