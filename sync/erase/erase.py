"""Erasing a user: both stores, the keys of the raw pages, the banks' access, the sign-in; then a signed record.

Each step is safe to repeat and leaves its end in the ledger, so a crash anywhere goes on where it was:

sign-in    the account is disabled (the API refuses the user since the request was committed)
banks      every item is ended at Plaid, every open link brought to its end
rows       the user leaves every household; the ledger's rows go in steps of bounded size, the wrapped keys of the
           raw pages among them; the triggers mark, and the mirror deletes the documents
documents  the mirror has deleted them; what else lies below the head (left by clients, or by nobody known) is deleted
head       the user's row goes, and with it, as the last document, the head
wait       until no commit sent before can still land and no ID token issued before is still valid
account    the sign-in itself is deleted
forget     the counter and what the mirror knew
read       both stores and the sign-in are read again, whole: what came back is deleted and the wait begins anew;
           when nothing did, the record is signed and the user's id goes from the erasure itself

Called by the worker's task and the operator's command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text

from sync import log
from sync.banks import links, purge
from sync.banks.item_lock import hold_item
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.erase import erasure_records, erasures
from sync.erase.erasures import Later
from sync.errors import LivespendError
from sync.mirror.encode import delete_write, get_time
from sync.mirror.firestore import Firestore
from sync.pull import sweep
from sync.steps import step

_log = log.get(__name__)

STEP_ROWS = 1000
_DELETED_AT_ONCE = 400

_ITEMS = text("select id from items where user_id = :user_id and removed_at is null")
_END_SESSIONS = text("""
    update link_sessions set state = 'expired', key_id = null, nonce = null, ciphertext = null, wrapped_key = null
    where user_id = :user_id and state in ('open', 'told')
""")
_TOKENS = text("select item_id from item_tokens where user_id = :user_id order by item_id")
_INTENTS = text("select id from link_intents where user_id = :user_id and closed_at is null order by id")
_BANKS = text("""
    select (select count(*) from items where user_id = :user_id),
        (select count(distinct item_id) from token_rotations where user_id = :user_id and state = 'lost')
        + (select count(*) from link_intents where user_id = :user_id and state = 'lost')
""")


class Told(NamedTuple):
    """How far an erasure has come; `waits_until` when it has to wait."""

    step: str
    waits_until: datetime | None
    problem: str | None


def drive(deps: Deps, erasure_id: UUID, told: Callable[[str], None] = lambda _: None) -> Told:
    """Does what can be done now, step by step, and tells each; answers how far it came. Raises ErasureNotFound.

    Twice, also at once, is safe: whoever comes second leaves it to the first.
    """
    with hold_item(deps.engine, erasure_id) as alone:  # an erasure's id is nobody else's
        while alone:
            erasure = erasures.find(deps, erasure_id)
            told(erasure.step)
            if erasure.user_id is None or not _go_on(deps, erasure):
                break
            step(f"erase:{erasure.step}")
    ended = erasures.find(deps, erasure_id)
    return Told(ended.step, None if ended.user_id is None else ended.due_at, ended.problem)


def _go_on(deps: Deps, erasure: Row[Any]) -> bool:
    """One step; answers whether the next may follow at once."""
    try:
        later = STEPS[erasure.step](deps, erasure)
    except LivespendError as error:
        later = Later(error.code)
        _log.warning("erasure_put_off", erasure_id=str(erasure.id), step=erasure.step, reason=str(error))
    if later is not None:
        erasures.put_off(deps, erasure, later)
    return later is None


# --- before anything is deleted ---


def _end_sign_in(deps: Deps, erasure: Row[Any]) -> Later | None:
    assert deps.sign_ins is not None
    deps.sign_ins.end(erasure.user_id)
    erasures.advance(deps, erasure, "banks")
    return None


def _end_banks(deps: Deps, erasure: Row[Any]) -> Later | None:
    """Ends what can be ended; an item that Plaid does not let go of now is asked for again."""
    _hide_banks(deps, erasure)
    for intent_id in _listed(deps, _INTENTS, erasure):
        links.settle_link(deps, intent_id)
    _hide_banks(deps, erasure)  # a link that was under way has become an item
    for item_id in _listed(deps, _TOKENS, erasure):
        sweep.remove_item(deps, item_id)
    if _listed(deps, _INTENTS, erasure) or _listed(deps, _TOKENS, erasure):
        return Later("banks-not-ended", 5)
    with transaction(deps.engine) as connection:
        ended, lost = connection.execute(_BANKS, {"user_id": erasure.user_id}).one()
        erasures.count(connection, erasure, "banks", {"ended": ended - lost, "lost": lost})
    erasures.advance(deps, erasure, "rows")
    return None


@retrying
def _hide_banks(deps: Deps, erasure: Row[Any]) -> None:
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{erasure.user_id}"])
        connection.execute(_END_SESSIONS, {"user_id": erasure.user_id})
        for item_id in connection.execute(_ITEMS, {"user_id": erasure.user_id}).scalars().all():
            purge.tombstone(connection, item_id)
        erasures.remember_items(connection, erasure)


def _listed(deps: Deps, statement: Any, erasure: Row[Any]) -> list[UUID]:
    with transaction(deps.engine) as connection:
        return list(connection.execute(statement, {"user_id": erasure.user_id}).scalars())


# --- deleting ---


def _delete_rows(deps: Deps, erasure: Row[Any]) -> Later | None:
    erasures.leave_households(deps, erasure)
    while erasures.erase_some(deps, erasure, STEP_ROWS):
        step("erase:some")
    erasures.advance(deps, erasure, "documents")
    return None


def _delete_documents(deps: Deps, erasure: Row[Any]) -> Later | None:
    """The mirror deletes what it wrote; what is left then is nobody's."""
    if not _mirrored(deps, erasure):
        return Later("mirror-not-clean")
    strangers = [found for found in _subtree(_firestore(deps), erasure) if found.path != _head(erasure)]
    _delete_found(deps, erasure, strangers, "leftovers")
    erasures.advance(deps, erasure, "head")
    return None


def _delete_head(deps: Deps, erasure: Row[Any]) -> Later | None:
    """Without the user's row the head is no longer projected: the mirror deletes it under its last update time."""
    erasures.erase_some(deps, erasure, STEP_ROWS)
    if not _mirrored(deps, erasure):
        return Later("mirror-not-clean")
    erasures.advance(deps, erasure, "wait")
    return None


def _wait(deps: Deps, erasure: Row[Any]) -> Later | None:
    until = erasure.step_at + timedelta(seconds=deps.settings.erase_wait_seconds)
    if deps.now() < until:
        return Later("", until=until)
    erasures.advance(deps, erasure, "account")
    return None


def _delete_account(deps: Deps, erasure: Row[Any]) -> Later | None:
    assert deps.sign_ins is not None
    deps.sign_ins.delete(erasure.user_id)
    erasures.advance(deps, erasure, "forget")
    return None


def _forget(deps: Deps, erasure: Row[Any]) -> Later | None:
    """Counter and mirror state; a mirror that still has something to do for the user does it first."""
    with transaction(deps.engine) as connection:
        if not erasures.is_mirrored(connection, erasure):
            return Later("mirror-not-clean")
        erasures.keep_epoch(connection, erasure)
    while erasures.erase_some(deps, erasure, STEP_ROWS):
        step("erase:some")
    erasures.advance(deps, erasure, "read")
    return None


# --- proving it ---


def _read(deps: Deps, erasure: Row[Any]) -> Later | None:
    assert deps.sign_ins is not None
    found = list(_subtree(_firestore(deps), erasure))
    rows = erasures.rows_left(deps, erasure)
    account = deps.sign_ins.exists(erasure.user_id)
    if found or account or any(rows.values()):
        came_back = {table: number for table, number in rows.items() if number}
        _log.error("erased_data_came_back", erasure_id=str(erasure.id), documents=len(found), rows=came_back)
        _delete_found(deps, erasure, found, "cameBack")
        erasures.advance(deps, erasure, "wait" if found else "account")
        return None
    signer = erasure_records.open_signer(deps)
    record = _record(deps, erasure, sorted(rows))
    if erasures.finish(deps, erasure, record, signer.sign(record), signer.id):
        _log.info("erased", erasure_id=str(erasure.id))
    return None


def _record(deps: Deps, erasure: Row[Any], tables: list[str]) -> dict[str, Any]:
    return {
        "kind": erasure_records.KIND,
        "erasure": str(erasure.id),
        "userSha256": erasure.user_sha256,
        "askedBy": erasure.asked_by,
        "askedAt": _moment(erasure.asked_at),
        "readAt": _moment(deps.now()),
        "waitSeconds": int(deps.settings.erase_wait_seconds),
        "deleted": erasure.deleted,
        "left": {"documents": 0, "signIns": 0, "rows": dict.fromkeys(tables, 0)},
        "statement": "Both stores and the sign-in were read after the wait: nothing of this user is left in them.",
    }


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


# --- Firestore ---


class _Found(NamedTuple):
    path: str
    update_time: datetime


def _subtree(firestore: Firestore, erasure: Row[Any]) -> Iterator[_Found]:
    """The head and every document below it, however deep; also what lies below a document that is not there.

    And the user's memberships of households.
    """
    waiting = [_head(erasure)]
    known = firestore.read([*waiting, *(f"{owner}/members/{erasure.user_id}" for owner in erasure.households)])
    yield from _existing(firestore, [document for document in known.values() if document is not None])
    while waiting:
        parent = waiting.pop()
        for collection in firestore.collections(parent):
            documents = list(firestore.documents(parent, collection, missing_too=True))
            waiting += [firestore.path(document.name) for document in documents]
            yield from _existing(firestore, documents)


def _existing(firestore: Firestore, documents: list[Any]) -> Iterator[_Found]:
    for document in documents:
        if document.HasField("update_time"):
            yield _Found(firestore.path(document.name), get_time(document.update_time))


def _delete_found(deps: Deps, erasure: Row[Any], found: list[_Found], kind: str) -> None:
    """Each under the update time that was read; one that changes meanwhile refuses, and the step is repeated."""
    firestore = _firestore(deps)
    for start in range(0, len(found), _DELETED_AT_ONCE):
        chosen = found[start : start + _DELETED_AT_ONCE]
        firestore.commit([delete_write(firestore.name(one.path), one.update_time) for one in chosen])
        with transaction(deps.engine) as connection:
            erasures.count(connection, erasure, kind, {"documents": len(chosen)})


def _mirrored(deps: Deps, erasure: Row[Any]) -> bool:
    with transaction(deps.engine) as connection:
        return erasures.is_mirrored(connection, erasure)


def _firestore(deps: Deps) -> Firestore:
    assert deps.firestore is not None
    return deps.firestore


def _head(erasure: Row[Any]) -> str:
    return f"users/{erasure.user_id}"


STEPS: dict[str, Callable[[Deps, Row[Any]], Later | None]] = {
    "sign-in": _end_sign_in,
    "banks": _end_banks,
    "rows": _delete_rows,
    "documents": _delete_documents,
    "head": _delete_head,
    "wait": _wait,
    "account": _delete_account,
    "forget": _forget,
    "read": _read,
}
