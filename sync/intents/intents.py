"""Intents: edits that a client left in Firestore, applied once each, and answered by a receipt.

One ledger transaction does all of it: it locks the intent's key and the owner's counter, looks whether the intent was
answered before, runs the ledger function that the API runs for the same edit, and stores the answer. So a crash leaves
all or nothing, and any number of processes may be handed the same intent: the second finds the first one's row. Rows
outlive the oldest intent that is accepted, or one that comes back could be applied again. The receipt document is a
projection of the row. Works with the API's role: row-level security holds each intent to its path's user.
Called by intent_feed.py (settle) and a task of the worker (forget_old).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from sync import log
from sync.db import Mark, edit, retrying, sqlstate, transaction
from sync.deps import Deps
from sync.errors import (
    IntentFailed,
    IntentInvalid,
    IntentsTooMany,
    IntentSuperseded,
    IntentTooOld,
    LivespendError,
)
from sync.idempotency import joined, lock_key
from sync.intents.intent_envelope import Intent
from sync.intents.intent_kinds import KINDS, Edit, read_edit
from sync.steps import step

_log = log.get(__name__)

# A client's clock may be so much ahead. Twice that beyond the oldest accepted age, no row is needed any more.
AHEAD = timedelta(days=1)
_HOUR = timedelta(hours=1)
_FORGET_AT_ONCE = 5_000
_DETAIL = 500
# What the database says of values that it cannot store: no later attempt can be better.
_REFUSED_VALUES = ("22", "23")

_STANDING = text("""
    select (select outcome from intents_applied where user_id = :user_id and id = :id) as outcome,
        (select max(sequence) from intents_applied where user_id = :user_id and device = :device) as reached,
        (select count(*) from (select from intents_applied where user_id = :user_id and applied_at > :since
                               limit :most) as recent) as recent
""")
# A change by an earlier intent of the same device is one that its user has seen.
_CHANGED_SINCE = text("""
    select from field_versions as v
    where v.subject_id = :subject_id and v.field = :field and (v.epoch, v.number) > (:epoch, :number)
      and not exists (select from intents_applied as i
        where i.user_id = :user_id and i.device = :device and i.sequence < :sequence and i.outcome = 'applied'
          and i.subject_id = v.subject_id and i.field = v.field and (i.epoch, i.number) = (v.epoch, v.number))
""")
_FIELD_VERSION = text("select epoch, number from field_versions where subject_id = :subject_id and field = :field")
_STORE = text("""
    insert into intents_applied (id, user_id, device, sequence, kind, outcome, reason, detail, marked, subject_id,
        field, epoch, number, made_at, applied_at)
    values (:id, :user_id, :device, :sequence, :kind, :outcome, :reason, :detail, cast(:marked as jsonb), :subject_id,
        :field, :epoch, :number, :made_at, :now)
    on conflict (user_id, id) do nothing
""")
# One statement for all, so one run of the marking trigger.
_REFUSE_ALL = text("""
    insert into intents_applied (id, user_id, device, sequence, kind, outcome, reason, detail, made_at, applied_at)
    select id, :user_id, device, sequence, kind, 'rejected', :reason, :detail, made_at, :now
    from unnest(cast(:ids as uuid[]), cast(:devices as text[]), cast(:sequences as bigint[]), cast(:kinds as text[]),
        cast(:made as timestamptz[])) as refused(id, device, sequence, kind, made_at)
    on conflict (user_id, id) do nothing
""")
_FORGET = text("""
    delete from intents_applied where (user_id, id) in (
        select user_id, id from intents_applied where applied_at < :before order by applied_at limit :most)
""")


@dataclass(frozen=True)
class Waits:
    """The turn of this intent has not come: an earlier one of its device is missing. Ask again after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Answered:
    """What became of an intent; `again` when that was decided before."""

    outcome: str
    reason: str | None = None
    again: bool = False


@dataclass(frozen=True)
class _Verdict:
    outcome: str
    refusal: LivespendError | None = None
    marked: list[dict[str, Any]] = field(default_factory=list)
    edit: Edit | None = None


class _Standing(NamedTuple):
    outcome: str | None
    reached: int | None
    recent: int


class _Superseded(Exception):
    """The edit would have changed what its author had not seen: it is rolled back."""


@retrying
def settle(deps: Deps, intent: Intent) -> Answered | Waits:
    """Answers one intent, once; twice is the point.

    Raises UserNotFound where the path's user has no ledger, UserErased from the request to erase them on, and what
    keeps the database from answering.
    """
    bells: list[tuple[str, dict[str, str]]] = []
    with transaction(deps.engine, intent.user_id) as connection:
        by_the_api = lock_key(connection, intent.user_id, str(intent.id))
        within = joined(deps, connection, bells)
        with edit(within.engine, intent.user_id):
            standing = _standing(deps, connection, intent)
            if standing.outcome is not None:
                return Answered(standing.outcome, again=True)
            if (seconds := _missing(deps, intent, standing)) > 0:
                return Waits(seconds)
            verdict = _decide(within, connection, intent, standing, by_the_api)
            connection.execute(_STORE, _row(deps, connection, intent, verdict))
        step("intents:applied")
    for task, arguments in bells:
        deps.ring(task, arguments)
    return Answered(verdict.outcome, verdict.refusal.code if verdict.refusal else None)


@retrying
def refuse_flood(deps: Deps, user_id: str, intents: Sequence[Intent]) -> None:
    """Refuses all of these in one statement: the rest of a flood costs next to nothing. Twice is safe."""
    refusal = IntentsTooMany()
    bound = {
        "user_id": user_id,
        "reason": refusal.code,
        "detail": refusal.detail,
        "now": deps.now(),
        "ids": [str(intent.id) for intent in intents],
        "devices": [intent.device for intent in intents],
        "sequences": [intent.sequence for intent in intents],
        "kinds": [_kind(intent) for intent in intents],
        "made": [intent.made_at for intent in intents],
    }
    with edit(deps.engine, user_id) as (connection, _):
        connection.execute(_REFUSE_ALL, bound)


def forget_old(deps: Deps) -> int:
    """Forgets intents that could not be accepted again; their receipts go too. Answers how many. For the worker."""
    before = deps.now() - kept(deps)
    with transaction(deps.engine) as connection:
        return connection.execute(_FORGET, {"before": before, "most": _FORGET_AT_ONCE}).rowcount


def kept(deps: Deps) -> timedelta:
    """How long an answer is remembered: an intent made before its clock says so is still refused for its age."""
    return timedelta(days=deps.settings.intent_max_age_days) + 2 * AHEAD


def _standing(deps: Deps, connection: Connection, intent: Intent) -> _Standing:
    bound = {
        "user_id": intent.user_id,
        "id": intent.id,
        "device": intent.device,
        "since": deps.now() - _HOUR,
        "most": deps.settings.intent_hourly_limit,
    }
    return _Standing(*connection.execute(_STANDING, bound).one())


def _missing(deps: Deps, intent: Intent, standing: _Standing) -> float:
    """Seconds for which this one still waits for earlier ones of its device; 0 when it need not."""
    if intent.problem is not None or intent.sequence <= (standing.reached or 0) + 1:
        return 0.0
    waited = (deps.now() - intent.created_at).total_seconds()
    return max(0.0, deps.settings.intent_gap_seconds - max(0.0, waited))


def _decide(
    deps: Deps, connection: Connection, intent: Intent, standing: _Standing, by_the_api: dict[str, Any] | None
) -> _Verdict:
    try:
        if by_the_api is not None:
            return _Verdict("applied", marked=by_the_api.get("marked", []))
        _refuse(deps, intent, standing)
        edit = _read(intent)
        return _apply(deps, connection, intent, edit)
    except LivespendError as refusal:
        if refusal.status >= 500 and not isinstance(refusal, IntentFailed):
            raise
        outcome = "superseded" if isinstance(refusal, IntentSuperseded) else "rejected"
        return _Verdict(outcome, refusal)


def _refuse(deps: Deps, intent: Intent, standing: _Standing) -> None:
    """Raises what keeps an intent from being looked at any further."""
    if standing.recent >= deps.settings.intent_hourly_limit:
        raise IntentsTooMany
    if intent.problem is not None:
        raise IntentInvalid(intent.problem)
    if intent.kind not in KINDS:
        raise IntentInvalid("kind: this service knows no such edit")
    made_at, now = intent.made_at, deps.now()
    if made_at is None or made_at > now + AHEAD:
        raise IntentInvalid("madeAt: the clock of the device is more than a day ahead")
    if made_at < now - timedelta(days=deps.settings.intent_max_age_days):
        raise IntentTooOld


def _read(intent: Intent) -> Edit:
    return read_edit(intent.kind, intent.body or {})


def _apply(deps: Deps, connection: Connection, intent: Intent, edit: Edit) -> _Verdict:
    """Runs the edit in a savepoint; whatever refuses it leaves nothing behind."""
    unseen = edit.subject_id is not None and _changed_since(connection, intent, edit)
    try:
        with connection.begin_nested():
            marks = edit.apply(deps, intent.user_id)
            if unseen and marks:  # without marks the field already is what its author wanted
                raise _Superseded
    except _Superseded:
        raise IntentSuperseded from None
    except DBAPIError as error:
        if (sqlstate(error) or "")[:2] not in _REFUSED_VALUES:
            raise
        _log.error("intent_failed", kind=intent.kind, intent=str(intent.id), exc_info=error)
        raise IntentFailed from None
    except LivespendError:
        raise
    except Exception as error:
        _log.error("intent_failed", kind=intent.kind, intent=str(intent.id), exc_info=error)
        raise IntentFailed from None
    return _Verdict("applied", marked=[_as_told(mark) for mark in marks], edit=edit)


def _changed_since(connection: Connection, intent: Intent, edit: Edit) -> bool:
    bound = {
        "subject_id": edit.subject_id,
        "field": edit.kind.field,
        "epoch": intent.base.epoch,
        "number": intent.base.number,
        "user_id": intent.user_id,
        "device": intent.device,
        "sequence": intent.sequence,
    }
    return connection.execute(_CHANGED_SINCE, bound).first() is not None


def _as_told(mark: Mark) -> dict[str, Any]:
    """A mark as the API answers it."""
    return {"path": mark.path, "version": {"epoch": mark.epoch, "number": mark.number}}


def _row(deps: Deps, connection: Connection, intent: Intent, verdict: _Verdict) -> dict[str, Any]:
    edit, version = verdict.edit, None
    if edit is not None and edit.subject_id is not None:
        version = _field_version(connection, edit)
    return {
        "id": intent.id,
        "user_id": intent.user_id,
        "device": intent.device,
        "sequence": intent.sequence,
        "kind": _kind(intent),
        "outcome": verdict.outcome,
        "reason": None if verdict.refusal is None else verdict.refusal.code,
        "detail": None if verdict.refusal is None else _storable(verdict.refusal.detail),
        "marked": json.dumps(verdict.marked),
        "subject_id": None if edit is None else edit.subject_id,
        "field": None if edit is None else edit.kind.field,
        "epoch": None if version is None else version.epoch,
        "number": None if version is None else version.number,
        "made_at": intent.made_at,
        "now": deps.now(),
    }


def _kind(intent: Intent) -> str:
    return intent.kind if intent.kind in KINDS else ""


def _storable(detail: str) -> str:
    """It may repeat what the client wrote."""
    return log.without_secrets(detail.replace("\0", ""))[:_DETAIL]


def _field_version(connection: Connection, edit: Edit) -> Row[Any] | None:
    return connection.execute(_FIELD_VERSION, {"subject_id": edit.subject_id, "field": edit.kind.field}).first()
