"""Statements that a connection plans once, for few keys: planning them would cost more than running them.

A claim of one changed row spends five times as long on its statements' plans as on their rows. So few keys run through
a plan that the connection made once, for any keys; many keys are planned for what they are. PREPARE outlives a
rollback and takes no lock that anybody waits for. The rooms of the mirror call it,
on connections whose plans hold whatever is in the tables later (session.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2.extensions

FEW = 100
_names = itertools.count(1)
_prepared: WeakKeyDictionary[psycopg2.extensions.connection, set[str]] = WeakKeyDictionary()


class Statement:
    """A statement over arrays of keys; `types` are the arrays' types, in order of their %s."""

    def __init__(self, sql: str, *types: str) -> None:
        self._sql = sql
        self._name = f"livespend_{next(_names)}"
        self._prepare = f"prepare {self._name} as {_numbered(sql)}"
        self._execute = f"execute {self._name} ({', '.join(f'%s::{kind}' for kind in types)})"

    def run(self, cursor: psycopg2.extensions.cursor, *columns: Sequence[Any], rows: int = 0) -> list[tuple[Any, ...]]:
        """Answers the rows for these columns of keys; `rows`, where more rows than keys are expected."""
        if max(rows, len(columns[0])) > FEW:
            cursor.execute(self._sql, columns)
            return _rows(cursor)
        known = _prepared.setdefault(cursor.connection, set())
        if self._name not in known:
            cursor.execute(self._prepare)
            known.add(self._name)
        cursor.execute(self._execute, columns)
        return _rows(cursor)


def _rows(cursor: psycopg2.extensions.cursor) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor.description else []


def _numbered(sql: str) -> str:
    """The same text with PostgreSQL's own numbered parameters."""
    parts = sql.split("%s")
    numbered = "".join(f"{part}${number}" for number, part in enumerate(parts[:-1], start=1)) + parts[-1]
    return numbered.replace("%%", "%")
