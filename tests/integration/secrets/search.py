"""Looks for secrets where they must not be: in files, the broker, every column of the ledger, documents, command lines.

A secret is looked for as it is, in hex, and in base64 at each of the three offsets at which it may stand inside
something larger (a queue's message is base64 of JSON). What is found is told by name and place, never by value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg2
import redis
from psycopg2 import sql

_SHORTEST = 8


class Search:
    """The secrets of one run, by name; each question answers the list of what was found."""

    def __init__(self, secrets: Mapping[str, str | bytes]) -> None:
        raw = {name: secret.encode() if isinstance(secret, str) else secret for name, secret in secrets.items()}
        assert raw, "nothing to look for"
        assert all(len(secret) >= _SHORTEST for secret in raw.values()), "too short to be told from chance"
        self._forms = [(name, form) for name, secret in raw.items() for form in set(_forms(secret))]

    def in_bytes(self, where: str, data: bytes) -> list[str]:
        """In some bytes."""
        return sorted({f"{name} in {where}" for name, form in self._forms if form in data})

    def in_folder(self, folder: Path, *, without: Iterable[str] = ()) -> list[str]:
        """In every file below a folder, its name too; `without` names files and folders at its top to pass over."""
        found: list[str] = []
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if inside.parts[0] not in without and path.is_file():
                found += self.in_bytes(str(inside), str(inside).encode() + b"\n" + _read(path))
        return found

    def in_database(self, url: str) -> list[str]:
        """In every column of every table of a database, and in the statements that its sessions ran last."""
        found: list[str] = []
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema not in ('pg_catalog', 'information_schema')"
            )
            tables = cursor.fetchall()
            for schema, table in tables:
                cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
                columns = [column.name for column in cursor.description or ()]
                for row in cursor:
                    for column, value in zip(columns, row, strict=True):
                        found += self.in_bytes(f"{table}.{column}", _flat(value))
            cursor.execute("select query from pg_stat_activity where datname = current_database()")
            for (query,) in cursor:
                found += self.in_bytes("pg_stat_activity", _flat(query))
        connection.close()
        return sorted(set(found))

    def in_redis(self, url: str) -> list[str]:
        """In every key and value of every kind."""
        found: list[str] = []
        with redis.Redis.from_url(url) as broker:
            for key in broker.scan_iter(count=1000):
                found += self.in_bytes(f"redis {key!r}", key + b"\n" + b"\n".join(_values(broker, key)))
        return found

    def in_json(self, where: str, value: Any) -> list[str]:
        """In a structure of documents or answers."""
        return self.in_bytes(where, json.dumps(value, default=str, ensure_ascii=False).encode())

    def in_commands(self, pids: Iterable[int]) -> list[str]:
        """In the command lines that everybody on the machine sees."""
        return [hit for pid in pids for hit in self.in_bytes(f"the command of {pid}", _read(_proc(pid)))]


def tables_with_rows(url: str) -> set[str]:
    """Which tables a run has filled: an empty table proves nothing."""
    filled: set[str] = set()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("select exists (select from {})").format(sql.Identifier(table)))
            if cursor.fetchone() == (True,):
                filled.add(table)
    connection.close()
    return filled


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            whole = encode(b"\0" * offset + secret)
            first = -(-offset * 8 // 6)  # the characters that also depend on what stands before ...
            last = (offset + len(secret)) * 8 // 6  # ... or behind
            yield whole[first:last]


def _flat(value: Any) -> bytes:
    if isinstance(value, memoryview | bytes):
        return bytes(value)
    if isinstance(value, list):
        return b"\n".join(map(_flat, value))
    if isinstance(value, dict):
        return json.dumps(value, default=str, ensure_ascii=False).encode()
    return str(value).encode()


def _values(broker: redis.Redis, key: bytes) -> list[bytes]:
    match broker.type(key):
        case b"string":
            return [broker.get(key) or b""]
        case b"list":
            return list(broker.lrange(key, 0, -1))
        case b"set":
            return list(broker.smembers(key))
        case b"zset":
            return list(broker.zrange(key, 0, -1))
        case b"hash":
            return [part for pair in broker.hgetall(key).items() for part in pair]
        case b"stream":
            return [repr(entry).encode() for entry in broker.xrange(key)]
        case kind:
            raise AssertionError(f"a {kind!r} in Redis, and nobody can look into it")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _proc(pid: int) -> Path:
    return Path(f"/proc/{pid}/cmdline")
