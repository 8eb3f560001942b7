"""The documents on disk: one SQLite file in WAL mode, written before a commit is acknowledged.

`synchronous=NORMAL` is enough for the promise made here: a commit that was answered survives a kill -9 of the
process, because its pages are in the operating system's cache when COMMIT returns. Only a power cut can take the
last commits back (never tear one), which a stand-in for development accepts for a tenth of the cost of FULL.
The epoch and the clock are written with each commit. Only the newest state of a document is kept, and the file gives
back the room of what was deleted. Without a directory, `Memory` takes its place.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from local.firestore.storage.history import Change
from local.firestore.storage.records import Record

_SCHEMA = """
create table if not exists documents (
  database text not null, path text not null, created integer not null, updated integer not null, data blob not null,
  primary key (database, path)
) without rowid;
create table if not exists meta (key text primary key, value text not null) without rowid;
"""
_FEW_PAGES = 1024
_LOG_BYTES = 4 * 1024 * 1024


class Disk(Protocol):
    """Where commits are kept."""

    epoch: str
    newest: int

    def load(self) -> Iterator[tuple[str, Record]]: ...

    def write(self, database: str, changes: Iterable[Change], time: int) -> None: ...

    def close(self, newest: int) -> None: ...


class Memory:
    """Keeps nothing: every start is a new epoch."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(8)
        self.newest = 0

    def load(self) -> Iterator[tuple[str, Record]]:
        return iter(())

    def write(self, database: str, changes: Iterable[Change], time: int) -> None:
        pass

    def close(self, newest: int) -> None:
        pass


class SqliteDisk:
    """A data directory; one process at a time may hold it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "firestore.sqlite3"
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=0)
        try:
            self._open()
        except sqlite3.OperationalError as problem:
            raise RuntimeError(f"{directory} is in use by another local Firestore: {problem}") from problem
        except sqlite3.DatabaseError as problem:
            raise RuntimeError(f"{file} cannot be read: {problem}") from problem
        self.epoch = self._meta("epoch") or self._new_epoch()
        self.newest = int(self._meta("newest") or 0)

    def load(self) -> Iterator[tuple[str, Record]]:
        """Every stored document with its database."""
        rows = self._connection.execute("select database, path, data, created, updated from documents")
        for database, path, data, created, updated in rows:
            yield database, Record(path, data, created, updated)

    def write(self, database: str, changes: Iterable[Change], time: int) -> None:
        """Writes one commit; when it returns, a kill of the process loses nothing of it."""
        puts, removals = [], []
        for change in changes:
            if change.after is None:
                removals.append((database, change.path))
            else:
                puts.append((database, change.path, change.after.created, change.after.updated, change.after.data))
        execute = self._connection.execute
        execute("begin")
        try:
            self._connection.executemany("insert or replace into documents values (?, ?, ?, ?, ?)", puts)
            self._connection.executemany("delete from documents where database = ? and path = ?", removals)
            execute("insert or replace into meta values ('newest', ?)", (str(time),))
            execute("commit")
        except BaseException:
            execute("rollback")
            raise
        if removals:
            # The commit stands: what fails here is tried again by the next one.
            with contextlib.suppress(sqlite3.OperationalError):
                self._give_back(_FEW_PAGES)

    def close(self, newest: int) -> None:
        self._connection.execute("insert or replace into meta values ('newest', ?)", (str(newest),))
        self._give_back(0)
        self._connection.close()

    def _open(self) -> None:
        execute = self._connection.execute
        execute("pragma locking_mode = exclusive")
        execute("pragma auto_vacuum = incremental")
        execute("pragma journal_mode = wal")
        execute("pragma synchronous = normal")
        execute(f"pragma journal_size_limit = {_LOG_BYTES}")
        self._connection.executescript(_SCHEMA)
        if not self._number("auto_vacuum"):
            execute("vacuum")  # a file of an earlier version cannot give back pages before it is written anew
        self._give_back(0)

    def _give_back(self, kept_pages: int) -> None:
        """Gives free pages back to the file system once they are a quarter of the file, and more than are kept."""
        free = self._number("freelist_count")
        if free > kept_pages and 4 * free > self._number("page_count"):
            # As a script: `execute` would take one step of it, and free one page.
            self._connection.executescript("pragma incremental_vacuum; pragma wal_checkpoint(truncate)")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"pragma {pragma}").fetchone()[0])

    def _meta(self, key: str) -> str | None:
        row = self._connection.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _new_epoch(self) -> str:
        epoch = secrets.token_hex(8)
        self._connection.execute("insert into meta values ('epoch', ?)", (epoch,))
        return epoch
