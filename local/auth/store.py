"""Accounts and refresh tokens in SQLite. Every change is committed before its answer goes out, so a kill -9 loses
nothing that was acknowledged. Refresh tokens are kept as hashes. One thread only: the server's.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accounts import Account
from .errors import AuthRefused

_SCHEMA = """
create table if not exists accounts (
    uid text primary key, email text unique, phone text unique, body text not null
);
create table if not exists identities (
    provider text, subject text, uid text not null references accounts on delete cascade,
    primary key (provider, subject)
);
create table if not exists sessions (
    token text primary key, uid text not null references accounts on delete cascade,
    provider text not null, claims text not null, auth_time integer not null
);
create index if not exists sessions_uid on sessions (uid);
"""
_TAKEN = {
    "accounts.uid": "DUPLICATE_LOCAL_ID",
    "accounts.email": "EMAIL_EXISTS",
    "accounts.phone": "PHONE_NUMBER_EXISTS",
    "identities.provider": "FEDERATED_USER_ID_ALREADY_LINKED",
}


@dataclass(frozen=True)
class Session:
    """What a refresh token stands for."""

    uid: str
    provider: str
    claims: dict[str, Any]
    auth_time: int


class Store:
    """The database of one local auth; `data` None keeps it in memory."""

    def __init__(self, data: Path | None) -> None:
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(data / "auth.sqlite3" if data else ":memory:", isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.execute("pragma foreign_keys = on")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _commit(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def insert(self, account: Account) -> None:
        """Adds the account; raises AuthRefused if its id, email, phone or identity is taken."""
        with _taken(), self._commit():
            self._db.execute(
                "insert into accounts (uid, email, phone, body) values (?, ?, ?, ?)",
                (account.uid, account.email, account.phone, account.written()),
            )
            self._link(account)

    def update(self, account: Account) -> None:
        """Replaces the account's state; raises AuthRefused if a new email, phone or identity is taken."""
        with _taken(), self._commit():
            self._db.execute(
                "update accounts set email = ?, phone = ?, body = ? where uid = ?",
                (account.email, account.phone, account.written(), account.uid),
            )
            self._db.execute("delete from identities where uid = ?", (account.uid,))
            self._link(account)

    def _link(self, account: Account) -> None:
        self._db.executemany(
            "insert into identities (provider, subject, uid) values (?, ?, ?)",
            [(provider.provider, provider.subject, account.uid) for provider in account.providers],
        )

    def delete(self, uids: list[str]) -> int:
        """Removes the accounts with all they own; returns how many there were."""
        with self._commit():
            gone = self._db.executemany("delete from accounts where uid = ?", [(uid,) for uid in uids])
        return gone.rowcount

    def clear(self) -> None:
        """Removes every account."""
        with self._commit():
            self._db.execute("delete from accounts")

    def by_uid(self, uid: str) -> Account | None:
        return self._one("select body from accounts where uid = ?", uid)

    def by_email(self, email: str) -> Account | None:
        return self._one("select body from accounts where email = ?", email)

    def by_phone(self, phone: str) -> Account | None:
        return self._one("select body from accounts where phone = ?", phone)

    def by_identity(self, provider: str, subject: str) -> Account | None:
        return self._one(
            "select body from accounts join identities using (uid) where provider = ? and subject = ?",
            provider,
            subject,
        )

    def _one(self, query: str, *values: str) -> Account | None:
        row = self._db.execute(query, values).fetchone()
        return Account.read(row[0]) if row else None

    def page(self, after: str, limit: int) -> list[Account]:
        """Up to `limit` accounts with ids above `after`, in order of id."""
        rows = self._db.execute("select body from accounts where uid > ? order by uid limit ?", (after, limit))
        return [Account.read(row[0]) for row in rows]

    def count(self) -> int:
        count: int = self._db.execute("select count(*) from accounts").fetchone()[0]
        return count

    def open_session(self, session: Session) -> str:
        """A new refresh token; only its hash is kept."""
        token = secrets.token_urlsafe(48)
        self._db.execute(
            "insert into sessions (token, uid, provider, claims, auth_time) values (?, ?, ?, ?, ?)",
            (_digest(token), session.uid, session.provider, json.dumps(session.claims), session.auth_time),
        )
        return token

    def session(self, token: str) -> Session | None:
        """What the refresh token stands for, None if it is unknown."""
        row = self._db.execute(
            "select uid, provider, claims, auth_time from sessions where token = ?", (_digest(token),)
        ).fetchone()
        return Session(row[0], row[1], json.loads(row[2]), row[3]) if row else None


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        column = str(error).removeprefix("UNIQUE constraint failed: ").split(",")[0]
        raise AuthRefused(_TAKEN.get(column, "INTERNAL_ERROR")) from None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
