"""Compares users wholly, as an operator asks for it, and has the mirror mend what differs if that is asked for too.

Outside the audits' budget: who asks pays. Called by `livespend mirror verify` and by tests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from sync.audit.reconcile import Comparison, compare, read_owner
from sync.audit.repair import repair
from sync.deps import Deps
from sync.mirror.asked import ROOTS, owner_of
from sync.mirror.changes import Connection
from sync.mirror.firestore import Firestore, ReadTally
from sync.mirror.session import connect
from sync.shapes.shapes import SHAPES, Shape

Told = Callable[[int, int], None]


def verify(
    deps: Deps,
    user_id: str | None = None,
    *,
    sample: float = 100.0,
    mend: bool = False,
    told: Told = lambda done, total: None,
) -> dict[str, Any]:
    """Compares one user (or `households/{hid}`), or so many percent of all that the ledger or Firestore knows.

    Raises FirestoreError.
    """
    firestore = deps.firestore
    assert firestore is not None
    url = ledger_url(deps)
    reading, writing = connect(url), connect(url)
    try:
        reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
        owners = [owner_of(user_id)] if user_id else _drawn(_owners(reading, firestore), sample)
        compared = []
        told(0, len(owners))
        for done, owner in enumerate(owners, 1):
            comparison = compare_owner(reading, firestore, owner, ReadTally(), deps.shapes)
            if mend and comparison.damage:
                repair(writing, comparison)
            compared.append(comparison)
            told(done, len(owners))
    finally:
        reading.close()
        writing.close()
    return _report(compared)


def ledger_url(deps: Deps) -> str:
    """The ledger's address as psycopg2 takes it."""
    return deps.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def compare_owner(
    connection: Connection, firestore: Firestore, owner: str, tally: ReadTally, shapes: Mapping[int, Shape] = SHAPES
) -> Comparison:
    """Reads all of an owner in Firestore, then compares in one snapshot of a REPEATABLE READ connection."""
    reading = read_owner(firestore, owner, tally)
    with connection, connection.cursor() as cursor:
        return compare(cursor, owner, reading, shapes=shapes)


def _owners(connection: Connection, firestore: Firestore) -> list[str]:
    with connection, connection.cursor() as cursor:
        cursor.execute("select owner from owners")
        known = {owner for (owner,) in cursor.fetchall()}
    found = (document for root in ROOTS for document in firestore.documents("", root))
    return sorted(known | {firestore.path(document.name) for document in found})


def _drawn(owners: list[str], percent: float) -> list[str]:
    if percent >= 100 or not owners:
        return owners
    return sorted(random.sample(owners, max(1, round(len(owners) * percent / 100))))


def _report(compared: list[Comparison]) -> dict[str, Any]:
    totals = {
        "documents": sum(one.documents for one in compared),
        **{name: sum(len(one.paths(kind)) for one in compared)
           for name, kind in (("missing", "missing"), ("ghosts", "ghost"), ("different", "different"))},
        "unknown": sum(len(one.unknown) for one in compared),
        "notJudged": sum(len(one.not_judged) for one in compared),
        "repaired": sum(len(one.repaired) for one in compared), "reads": sum(one.reads for one in compared),
    }  # fmt: skip
    equal = not any(totals[kind] for kind in ("missing", "ghosts", "different", "notJudged"))
    return {"equal": equal, "users": len(compared), **totals, "perUser": [one.as_json() for one in compared]}
