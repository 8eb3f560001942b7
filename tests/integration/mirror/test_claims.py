"""A claim is one moment of the ledger, and over before anything goes to Firestore."""

from __future__ import annotations

import contextlib

from sync.mirror.claims import read_claims
from sync.mirror.session import connect_reading, snapshot
from sync.shapes.shapes import SHAPES


class _Interrupted:
    """A cursor after each of whose statements somebody commits an edit."""

    def __init__(self, cursor, edit) -> None:
        self._cursor, self._edit = cursor, edit

    def execute(self, *words) -> None:
        self._cursor.execute(*words)
        self._edit()

    def __getattr__(self, name):
        return getattr(self._cursor, name)


def test_a_claim_belongs_to_one_moment(books, mirrored, database):
    """Edits that are committed between its statements are not in it, neither as marks nor as content."""
    ada = books()
    (row,) = ada.add(1)
    mirrored()
    ada.annotate(row, "before")
    ((number,),) = database.sql("select number from owners where owner = 'users/ada'")
    edits = iter(range(1000))
    path = ada.path("transactions", row)

    with contextlib.closing(connect_reading(database.url("mirror"))) as connection, snapshot(connection) as plain:
        cursor = _Interrupted(plain, lambda: ada.annotate(row, f"during {next(edits)}"))
        (claim,) = read_claims(cursor, ["users/ada"], {}, SHAPES).claims

    assert next(edits) >= 3
    assert claim.owner.counter.number == number
    assert {path: marked.mark.version.number for path, marked in claim.marks.items()} == {path: number}
    assert claim.documents[path]["note"] == "before"


def test_no_snapshot_is_held_while_a_commit_is_under_way(books, running_mirror, gate, database, eventually, clean):
    """A small round is read on the listening connection, a large one by a builder: neither keeps its transaction."""
    ada = books()
    rows = ada.add(2)
    running_mirror(host=gate.address, sweep_seconds=3600)
    eventually(clean)
    during: list[object] = []

    def look(_: object) -> None:
        during.append(database.sql(
            "select query from pg_stat_activity where usename = 'livespend_mirror' and state like 'idle in%%' "
            "and datname = current_database()"))  # fmt: skip

    gate.before = look
    ada.annotate(rows[0], "few marks")
    eventually(clean)
    ada.add(100)
    eventually(clean)

    assert len(during) >= 2
    assert [found for found in during if found] == []
