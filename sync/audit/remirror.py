"""Has the mirror write everything again: every path that the ledger or mirror state knows is marked anew.

For an emptied or restored Firestore, and for whoever wants to be sure. The mirror finds by reading what is there now;
ghosts that neither side knows are left to `verify --repair`. Marks are made in steps, each under one owner's counter,
and no further owner is marked while many wait. Twice is safe; a crash leaves the marks it made. Called by `livespend
mirror rebuild`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sync.audit.verify import Told, ledger_url
from sync.db import retrying
from sync.deps import Deps
from sync.mirror.asked import owner_of
from sync.mirror.changes import Connection
from sync.mirror.projection import candidates, place
from sync.mirror.session import connect
from sync.paths import plain

STEP = 2_000
_DIRTY_AT_MOST = 100
_LOOK_SECONDS = 0.2

_OWNERS = "select owner from owners where (%s is null or owner = %s) order by owner"
_HELD = "select path from mirror_state where owner = %s and not deleted"
_MARK = "select mark_documents(%s, %s)"
_BEHIND = "select count(*) from (select from owners where dirty limit %s) as d"
_LEFT = "select count(*) from changes where (%s is null or owner = %s)"


def remirror(
    deps: Deps,
    user_id: str | None,
    *,
    wait: bool = True,
    told: Told = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Marks every document of one user, or of all; with `wait` until the mirror has written them. Tells documents."""
    connection = connect(ledger_url(deps))
    owner = owner_of(user_id) if user_id else None
    try:
        owners = [row[0] for row in _rows(connection, _OWNERS, (owner, owner))]
        marked = 0
        for one in owners:
            while _count(connection, _BEHIND, (_DIRTY_AT_MOST,)) >= _DIRTY_AT_MOST and not stop():
                time.sleep(_LOOK_SECONDS)
            marked += _mark(connection, one)
            told(max(0, marked - _count(connection, _LEFT, (owner, owner))), marked)
        while (left := _count(connection, _LEFT, (owner, owner))) and wait and not stop():
            told(max(0, marked - left), marked)
            time.sleep(_LOOK_SECONDS)
        told(max(0, marked - left), marked)
    finally:
        connection.close()
    return {"users": len(owners), "marked": marked, "left": left}


def _mark(connection: Connection, owner: str) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute(_HELD, (owner,))
        held = {plain(path) for (path,) in cursor.fetchall()}
        paths = sorted(path for path in held | candidates(cursor, [owner]) if place(path))
    for start in range(0, len(paths), STEP):
        _mark_step(connection, owner, paths[start : start + STEP])
    return len(paths)


@retrying
def _mark_step(connection: Connection, owner: str, paths: list[str]) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(_MARK, ([owner] * len(paths), paths))


def _rows(connection: Connection, statement: str, bound: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.fetchall()


def _count(connection: Connection, statement: str, bound: tuple[Any, ...]) -> int:
    return int(_rows(connection, statement, bound)[0][0])
