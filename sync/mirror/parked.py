"""Parked documents in an operator's hands: look, correct the user's own word, try again, or drop.

Firestore refused these for their content; a stand-in is shown in their place and totals stay right. The cause is a
value in the ledger. Where it is the user's word it can be corrected through the ledger's own functions; what the bank
tells cannot be edited in place, so the document stays a stand-in, or is dropped: deliberately not shown, until somebody
has it tried again. Whatever is done here is noted in `audit_log`, with who said to have done it, in the same
transaction. Doing anything twice is safe. Called by the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from psycopg2.extras import Json

from sync import users
from sync.deps import Deps
from sync.errors import DocumentNotParked, ParkedRefused
from sync.ledger import budgets, categories, ledger, splits
from sync.mirror.asked import is_shared, owner_of
from sync.mirror.changes import Connection, Cursor
from sync.mirror.documents import Unshowable
from sync.mirror.encode import Unencodable, encode, nameable
from sync.mirror.marks import read_owners
from sync.mirror.projection import Place, place, project
from sync.paths import plain

Shown: TypeAlias = dict[str, Any]

_LIST = """
select path, epoch, number, error_code, error_message, parked_at, dropped_at, dropped_by
from parked_documents where (%(owner)s::text is null or owner = %(owner)s)
  and (%(path)s::text is null or path = %(path)s) order by parked_at, path
"""
_COLUMNS = ("path", "epoch", "number", "code", "message", "parkedAt", "droppedAt", "droppedBy")
_WAITS = "select exists (select from changes where owner = %s and path = %s)"
_LOG_OF = "select at, actor, action, detail from audit_log where owner = %s and path = %s order by id"
_LOCK = "select lock_owners(array[%s])"
_DROP = """
update parked_documents set dropped_at = now(), dropped_by = %s
where owner = %s and path = %s and dropped_at is null returning true
"""
_PICK_UP = """
update parked_documents set dropped_at = null, dropped_by = null where owner = %s and path = %s returning true
"""
_IS_PARKED = "select from parked_documents where owner = %s and path = %s"
# A month's receipt covers what is shown: a row that is dropped, or picked up again, marks its month with it.
_MARK = """
select mark_documents(array_agg(%(owner)s::text), array_agg(path)) from (
    select %(path)s::text as path
    union
    select %(owner)s || '/months/' || to_char(t.month, 'YYYY-MM') from transactions as t
    where t.entry_id::text = %(entry)s and t.removed_at is null) as asked
"""
_NOTE = "insert into audit_log (actor, action, owner, path, detail) values (%s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class Edit:
    """What an operator corrects of the user's own words; None leaves a field, an empty note or category clears it."""

    note: str | None = None
    category: str | None = None
    joined: bool = False
    name: str | None = None
    limit: Decimal | None = None

    def fields(self) -> list[str]:
        """The fields that are given, by name."""
        given = {"note": self.note, "category": self.category, "name": self.name, "limit": self.limit}
        return [name for name, value in given.items() if value is not None] + ["splits"] * self.joined


def list_parked(cursor: Cursor, user_id: str | None = None) -> list[Shown]:
    """Every parked document, the longest parked first, with its error and whether it is dropped."""
    return _read(cursor, None if user_id is None else owner_of(user_id), None)


def show(cursor: Cursor, path: str) -> Shown:
    """One parked document with the content that the ledger says it should have; raises DocumentNotParked.

    The cursor's transaction should be a snapshot. `editable` names what `edit` may correct.
    """
    owner = _owner(path)
    found = _read(cursor, owner, path)
    if not found:
        raise DocumentNotParked(path)
    cursor.execute(_WAITS, (owner, path))
    (waits,) = cursor.fetchone() or (False,)
    cursor.execute(_LOG_OF, (owner, path))
    log = [dict(zip(("at", "by", "action", "detail"), row, strict=True)) for row in cursor.fetchall()]
    bare = plain(path)
    content = project(cursor, [bare], {row.owner: row for row in read_owners(cursor, [owner])}).get(bare)
    return {**found[0], "marked": waits, **_described(path, content), "editable": _editable(path), "log": log}


def _described(path: str, content: Mapping[str, Any] | Unshowable | None) -> Shown:
    """The content, its size, its largest field, and what is already known here to be wrong with it."""
    if content is None:
        return {"content": None, "wrong": "the ledger has no such document any more"}
    if isinstance(content, Unshowable):
        return {"content": None, "wrong": f"it cannot be built: {content.reason}"}
    try:
        fields = encode(content)
    except Unencodable as error:
        return {"content": dict(content), "wrong": f"no document can hold it: {error}"}
    sizes = dict(zip(fields.names, map(len, fields.entries), strict=True))
    wrong = None if nameable(path) else "Firestore allows no document of this name"
    return {"content": dict(content), "bytes": len(fields.body), "largest": max(sizes, key=sizes.__getitem__),
            "wrong": wrong}  # fmt: skip


def retry(connection: Connection, path: str, actor: str) -> None:
    """Marks the document anew, which gives it another chance, and undoes a drop; raises DocumentNotParked."""
    with connection, connection.cursor() as cursor:
        _again(cursor, path, actor, "parked:retry", {})


def drop(connection: Connection, path: str, actor: str) -> bool:
    """Has the document taken off the page for good; answers False if it was dropped already.

    Totals keep counting its row. Raises DocumentNotParked, or ParkedRefused for a head, which guards all others.
    """
    owner = _owner(path)
    if path == owner:
        raise ParkedRefused("a user's own document cannot be dropped: every other rests on it")
    with connection, connection.cursor() as cursor:
        _lock_parked(cursor, owner, path)
        cursor.execute(_DROP, (actor, owner, path))
        if cursor.fetchone() is None:
            return False
        _mark(cursor, owner, path)
        cursor.execute(_NOTE, (actor, "parked:drop", owner, path, Json({})))
    return True


def edit(connection: Connection, api: Deps, path: str, given: Edit, actor: str) -> None:
    """Corrects the user's word as the user would, then has the document tried again.

    `api` connects as the API does: the ledger's own functions and row-level security decide what may be. Raises
    DocumentNotParked, ParkedRefused for a field that is not the user's, and what those functions raise.
    """
    at = place(plain(path))
    allowed = _editable(path)
    if not given.fields() or (others := set(given.fields()) - set(allowed)) or at is None:
        named = ", ".join(sorted(others)) if given.fields() else "nothing"
        raise ParkedRefused(f"{named} cannot be edited here: {', '.join(allowed) or 'nothing'} can")
    with connection, connection.cursor() as cursor:
        _lock_parked(cursor, _owner(path), path)
    _EDITS[at.kind](api, at, given)
    with connection, connection.cursor() as cursor:
        _again(cursor, path, actor, "parked:edit", {"fields": given.fields()})


def _again(cursor: Cursor, path: str, actor: str, action: str, detail: Shown) -> None:
    owner = _owner(path)
    cursor.execute(_LOCK, (owner,))
    cursor.execute(_PICK_UP, (owner, path))
    if cursor.fetchone() is None and action == "parked:retry":
        raise DocumentNotParked(path)
    _mark(cursor, owner, path)
    cursor.execute(_NOTE, (actor, action, owner, path, Json(detail)))


def _mark(cursor: Cursor, owner: str, path: str) -> None:
    at = place(plain(path))
    entry = at.id if at is not None and at.kind == "transactions" else None
    cursor.execute(_MARK, {"owner": owner, "path": path, "entry": entry})


def _lock_parked(cursor: Cursor, owner: str, path: str) -> None:
    cursor.execute(_LOCK, (owner,))
    cursor.execute(_IS_PARKED, (owner, path))
    if cursor.fetchone() is None:
        raise DocumentNotParked(path)


def _read(cursor: Cursor, owner: str | None, path: str | None) -> list[Shown]:
    cursor.execute(_LIST, {"owner": owner, "path": path})
    return [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]


def _owner(path: str) -> str:
    return "/".join(path.split("/")[:2])


# --- the user's own words ---


def _edit_transaction(api: Deps, at: Place, given: Edit) -> None:
    if given.joined:
        splits.put_splits(api, at.user_id, at.id, [])
    note = ledger.KEEP if given.note is None else given.note or None
    category = ledger.KEEP if given.category is None else given.category or None
    ledger.edit_entry(api, at.user_id, at.id, category_id=category, note=note)


def _edit_category(api: Deps, at: Place, given: Edit) -> None:
    categories.rename_category(api, at.user_id, at.id, given.name or "")


def _edit_budget(api: Deps, at: Place, given: Edit) -> None:
    budgets.change_budget(api, at.user_id, at.id, limit=given.limit)


def _edit_head(api: Deps, at: Place, given: Edit) -> None:
    users.sign_up(api, at.user_id, users.get_user(api, at.user_id)["email"], given.name or None)


_EDITS: Mapping[str, Callable[[Deps, Place, Edit], None]] = {
    "transactions": _edit_transaction,
    "categories": _edit_category,
    "budgets": _edit_budget,
    "": _edit_head,
}
_FIELDS: Mapping[str, list[str]] = {
    "transactions": ["note", "category", "splits"],
    "categories": ["name"],
    "budgets": ["limit"],
    "": ["name"],
}


def _editable(path: str) -> list[str]:
    at = place(plain(path))
    return [] if at is None or is_shared(path) else _FIELDS.get(at.kind, [])
