"""SQLite: everything the stand-in must not forget, committed before a call is acknowledged.

One connection, used by the server's own thread only. WAL with synchronous=NORMAL: what was committed survives a killed
process, not a power cut. In memory when no folder is given. A call that raises leaves nothing behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists counters (kind text primary key, n integer not null);
create table if not exists link_tokens (
  token text primary key, request text not null, client_user_id text not null, item integer,
  created_at text not null, expires_at text not null, hosted text, hosted_until text);
create table if not exists link_sessions (
  session_id text primary key, token text not null, number integer not null, body text not null,
  done integer not null default 1);
create table if not exists oauth (
  state text primary key, token text not null, institution_id text not null, back text,
  status text not null default 'pending', username text, password text);
create table if not exists items (
  item integer primary key, item_id text not null unique, access_token text unique, client_user_id text,
  institution_id text not null, username text not null, webhook text, readiness text not null, head integer not null
  default 0, synced integer not null default 0, error text, created_at text not null, days_requested integer not null,
  products text not null, updated_at text, last_webhook text, warnings text not null default '[]', removed_at text,
  login text not null default '',
  consented text not null default '[]', recurring text, life text, error_reason text, failed_at text, signed_in_at text,
  consent_until text, consent_told integer not null default 0, disconnect_at text);
create table if not exists public_tokens (
  token text primary key, item integer not null, expires_at text not null, used integer not null default 0,
  update_mode integer not null default 0);
create table if not exists accounts (
  account_id text primary key, item integer not null, number integer not null, body text not null,
  state text not null default 'open');
create table if not exists changes (
  item integer not null, seq integer not null, transaction_id text not null, account_id text not null, body text,
  original text, pending integer not null default 0, next_seq integer, primary key (item, seq));
create index if not exists changes_of_one on changes (transaction_id, seq);
create table if not exists held (
  item integer not null, number integer not null, transaction_id text not null, account_id text not null,
  body text not null, original text, pending integer not null, day text not null,
  primary key (item, number));
create table if not exists timers (item integer not null, stage text not null, due_at real not null, due_clock real);
create table if not exists postings (transaction_id text primary key, account_id text not null, day text not null);
create table if not exists replays (
  item integer not null, number integer not null, cursor text not null, next_cursor text not null, body text not null,
  primary key (item, number));
create table if not exists faults (id integer primary key, body text not null);
create table if not exists requests (n integer primary key, body text not null);
create table if not exists keys (
  kid text primary key, private text not null, created_at integer not null, expired_at integer);
create table if not exists outbox (
  id integer primary key, item integer, url text not null, body text not null, mode text, attempts integer not null
  default 0, due_at real not null, state text not null default 'due', outcome text);
create view if not exists shared_accounts as
  select item, account_id from accounts where state in ('open', 'closed', 'churned');
drop index if exists changes_of_a_transaction;
drop index if exists changes_by_transaction;
create index if not exists outbox_due on outbox (state, due_at);
"""
# Columns that came later, for folders of an earlier version.
_ADDED = (
    ("accounts", "state", "text not null default 'open'"),
    ("items", "login", "text not null default ''"),
    ("items", "consented", "text not null default '[]'"),
    *(("items", name, "text") for name in ("recurring", "life", "error_reason", "failed_at", "signed_in_at")),
    *(("items", name, "text") for name in ("consent_until", "disconnect_at")),
    ("items", "consent_told", "integer not null default 0"),
    ("timers", "due_clock", "real"),
    ("link_tokens", "hosted", "text"),
    ("link_tokens", "hosted_until", "text"),
    ("link_sessions", "done", "integer not null default 1"),
)


class Store:
    """The database of one running stand-in."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "plaid.sqlite3" if folder else None
        self._db = sqlite3.connect(self.path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute("pragma cache_size=-65536")
        self._db.executescript(_TABLES)
        for table, column, kind in _ADDED:
            if column not in {row["name"] for row in self._db.execute(f"pragma table_info({table})")}:
                self._db.execute(f"alter table {table} add column {column} {kind}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Everything inside happens, and is on disk when the block ends, or nothing does."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def run(self, sql: str, *values: Any) -> int:
        """Runs one statement; answers how many rows it changed."""
        return self._db.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(sql, rows)

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    def each(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(sql, values)

    def named(self, sql: str, values: dict[str, Any]) -> sqlite3.Cursor:
        return self._db.execute(sql, values)

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *values)
        return row[0] if row else None

    def meta(self, key: str, default: str) -> str:
        """Reads a setting of this database, writing the default the first time."""
        self.run("insert into meta values (?, ?) on conflict do nothing", key, default)
        return str(self.value("select value from meta where key = ?", key))

    def keep(self, key: str, value: str) -> None:
        """Writes a setting of this database."""
        self.run("insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", key, value)

    def count_up(self, kind: str, by: int = 1) -> int:
        """Moves a counter forward and answers its new value."""
        sql = "insert into counters values (?, ?) on conflict (kind) do update set n = n + excluded.n returning n"
        return int(self.value(sql, kind, by))
