"""The pull: Plaid -> ledger, one item at a time.

`wanted` of an item grows with every webhook, `done` follows when a pull that began after it has committed. A pull
fetches all pages of an update, then stores rows, cursor, `done` and the record of the run in one transaction, of a
large update in the last of several. A session lock keeps two workers from fetching one item at once; it is efficiency
only, the cursor's compare-and-set is what keeps them right. A crash anywhere leaves the old cursor and `wanted` ahead
of `done`: the redelivered task, or the sweep, pulls again. Called by the worker's tasks, with the item's id alone.
"""

from __future__ import annotations

import random
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DataError, IntegrityError

from sync import log
from sync.banks import tokens
from sync.banks.accounts import look_again, meet
from sync.banks.inbox import Condition, Verdict, apply_inbox, condition_of_error, set_condition
from sync.banks.item_lock import hold_item
from sync.db import lock_owners, retrying, sqlstate, transaction
from sync.deps import Deps
from sync.errors import (
    PagesDamaged,
    PlaidContract,
    PlaidCursorRefused,
    PlaidError,
    PlaidItemGone,
    PlaidMutation,
    PlaidPaced,
    PlaidRateLimited,
    PlaidRefused,
    PlaidTransient,
    VaultFailed,
    VaultUnavailable,
)
from sync.keys.vault import Sealed
from sync.passports import served, serving
from sync.pull import freshness, imports, kept_pages
from sync.pull.apply import NOTHING, Applied, CursorMoved, Target, move_cursor, stage, store
from sync.pull.fetch import Run, fetch
from sync.pull.fold import Told, Update, fold
from sync.pull.imports import SIZES, Shelf, Sizes, discard
from sync.pull.kept_pages import SealedPage, Window
from sync.pull.plaid_codes import ACCOUNTS_CHANGED, FLOORS
from sync.pull.resync import want_resync
from sync.pull.store_kept import store_kept
from sync.steps import step
from sync.tracing import span

_log = log.get(__name__)

_ROUNDS = 20
_APPLY_SECONDS = 600.0
_LOCK_SECONDS = 60.0
_FIRST_RETRY, _LAST_RETRY = 5.0, 3600.0
# Calls come free one by one: it pays to come back for several.
_PACED_SECONDS = 5.0
_FIRST_POLL, _LAST_POLL = timedelta(seconds=2), timedelta(hours=6)

_ITEM = text("""
    select i.id, i.user_id, i.cursor, i.status, i.error_code, i.error_message, i.consent_expires_at, i.created_at,
        i.removed_at, p.wanted, p.failures, p.resync, p.traces, t.key_id, t.nonce, t.ciphertext, t.wrapped_key,
        (p.wanted > p.done and (p.failures = 0 or p.retry_at is null)) or p.retry_at <= :now
            or p.retry_at > cast(:now as timestamptz) + interval '7 hours' as owed -- noted by a clock that was wrong
    from items as i
    join item_pulls as p on p.item_id = i.id
    left join item_tokens as t on t.item_id = i.id
    where i.id = :item_id
""")
_SETTLE = text("""
    update item_pulls set done = greatest(done, :wanted), failures = 0, retry_at = :retry_at, last_pulled_at = :now,
        resync = resync and not :resynced,
        traces = array(select u.trace from unnest(traces) with ordinality as u(trace, place)
            where u.trace <> all (cast(:served as text[])) order by u.place)
    where item_id = :item_id
""")
# A pull that came further failed only so far as it has to wait: its next wait is no longer than this one.
_POSTPONE = text("""
    update item_pulls set failures = case when :further then 1 else failures + 1 end, retry_at = :retry_at
    where item_id = :item_id
""")
_RECORD = text("""
    insert into sync_runs (item_id, started_at, start_cursor, end_cursor, pages, restarts, added, modified, removed,
        unchanged, anomalies, outcome, error_code, request_ids, traces, fetched_at)
    values (:item_id, :started_at, :start_cursor, :end_cursor, :pages, :restarts, :added, :modified, :removed,
        :unchanged, :anomalies, :outcome, :error_code, cast(:request_ids as text[]), cast(:traces as text[]),
        :fetched_at)
""")


@dataclass(frozen=True)
class PullResult:
    """How pulling one item ended, all rounds together.

    `outcome` is that of the last round: applied, nothing, paced (the rate limit; pages fetched so far are kept),
    deferred, failed; idle when nothing was owed, busy when another worker holds the item. `retry_at` is when it is owed
    again without anybody asking.
    """

    outcome: str = "idle"
    rounds: int = 0
    added: int = 0
    modified: int = 0
    removed: int = 0
    unchanged: int = 0
    retry_at: datetime | None = None

    def after(self, outcome: str, applied: Applied, retry_at: datetime | None) -> PullResult:
        """The result with one more round in it."""
        return PullResult(
            outcome=outcome,
            rounds=self.rounds + 1,
            added=self.added + applied.added,
            modified=self.modified + applied.modified,
            removed=self.removed + applied.removed,
            unchanged=self.unchanged + applied.unchanged,
            retry_at=retry_at,
        )


@dataclass
class _Pull:
    """One round's pull of one item: what it is to satisfy, and how it ended."""

    deps: Deps
    item: Row[Any]
    wanted: int
    run: Run
    sizes: Sizes
    retry_at: datetime | None = None

    @property
    def shelf(self) -> Shelf:
        """Where the pages go that do not stay in memory."""
        return Shelf(self.deps, self.item.id, self.item.user_id, self.sizes)

    def conclude(self, connection: Connection, applied: Applied, told: Told, update_status: str) -> None:
        """Records the run and settles what was owed, in the transaction that moved the cursor."""
        item, outcome = self.item, "applied" if applied.changes else "nothing"
        _record(connection, item, self.run, outcome, applied=applied, told=told)
        freshness.pulled(connection, self.deps, item.id, item.user_id, changed=applied.changes > 0)
        # Last, because webhooks touch this row too.
        self.retry_at = _next_poll(self.deps.now(), item.created_at, update_status)
        _settle(connection, self.deps, item, self.wanted, self.retry_at, resynced=item.resync)
        if told.anomalies and not item.resync:
            want_resync(connection, item.id)  # a page that contradicts itself may not be the only one that is wrong


def pull_item(deps: Deps, item_id: UUID, sizes: Sizes = SIZES) -> PullResult:
    """Pulls until nothing is owed; failures are recorded with their retry, not raised. Twice at once is safe."""
    result = PullResult()
    while result.rounds < _ROUNDS:
        with hold_item(deps.engine, item_id) as alone:
            if not alone:
                return replace(result, outcome="busy")
            while (owed := _owed(deps, item_id)) and result.rounds < _ROUNDS:
                item, verdict, wanted = owed
                pull = _Pull(deps, item, wanted, Run(deps.now(), None if item.resync else item.cursor), sizes)
                with serving(pull.run, item.traces):
                    result = _round(pull, verdict, result)
        # A webhook that came after the last look found the item held: look once more now that it is free.
        row = _read(deps, item_id)
        if row is None or not row.owed:
            break
    return result


def _read(deps: Deps, item_id: UUID) -> Row[Any] | None:
    with transaction(deps.engine) as connection:
        return connection.execute(_ITEM, {"item_id": item_id, "now": deps.now()}).first()


def _owed(deps: Deps, item_id: UUID) -> tuple[Row[Any], Verdict, int] | None:
    """Applies the inbox, then answers the item if a pull is owed, with the generation of `wanted` it will satisfy."""
    first = _read(deps, item_id)
    if first is None:
        return None
    verdict = apply_inbox(deps, item_id, first.user_id)
    row = _read(deps, item_id)
    return (row, verdict, first.wanted) if row is not None and row.owed else None


def _round(pull: _Pull, verdict: Verdict, result: PullResult) -> PullResult:
    deps, item = pull.deps, pull.item
    if item.removed_at is not None or item.status == "revoked" or (verdict.broke and not verdict.asked):
        with transaction(deps.engine) as connection:
            _settle(connection, deps, item, pull.wanted, None)
        return result.after("nothing", NOTHING, None)
    try:
        window = imports.resume(deps, item.id, item.user_id, pull.run.start_cursor)
        _fetch(pull, window)
        step("pull:fetched")
        pull.run.fetched_at = deps.now()
        with span("store"):
            applied = _store(pull, window, heals=not verdict.broke)
        step("pull:committed")
        served(pull.run, deps.now())
    except CursorMoved:
        _overtaken(pull)
        return result.after("deferred", NOTHING, None)
    except PlaidCursorRefused as refused:
        return result.after(*_from_the_beginning(pull, refused))
    except (PlaidError, PagesDamaged, VaultFailed, IntegrityError, DataError) as error:
        return result.after(*_failed(pull, error))
    outcome = "applied" if applied.changes else "nothing"
    _log.info("pulled", item_id=str(item.id), outcome=outcome, pages=window.count, **applied.__dict__)
    return result.after(outcome, applied, pull.retry_at)


def _fetch(pull: _Pull, window: Window) -> None:
    deps, item = pull.deps, pull.item
    assert deps.plaid is not None
    if not window.has_more:
        return
    token = _token(deps, item)
    try:
        fetch(deps.plaid, token, pull.run, window, pull.shelf)
    except PlaidItemGone as gone:
        renewed = _token(deps, _read(deps, item.id))
        if renewed == token:
            raise tokens.lost(deps, item.id, gone) from None
        fetch(deps.plaid, renewed, pull.run, window, pull.shelf)  # the token was rotated while we held the old one


def _token(deps: Deps, item: Row[Any] | None) -> str:
    assert deps.vault is not None
    if item is None or item.key_id is None:
        raise VaultFailed("the item has no token")
    return deps.vault.decrypt(item.id, Sealed.of(item))


def _store(pull: _Pull, window: Window, *, heals: bool) -> Applied:
    deps, item = pull.deps, pull.item
    target = Target(item.id, item.user_id, item.cursor, heals, resync=item.resync)
    if window.shelved:
        pull.shelf.put(window)
        return store_kept(deps, target, window, pull.sizes, pull.conclude)
    update = fold(window.pages)
    try:
        meet(deps, item.id, update.told_accounts, update.named_accounts)
    except PlaidRateLimited:
        pull.shelf.put(window)
        raise
    if update.empty or deps.settings.plaid_pages_days == 0:
        return _apply(pull, target, update, None)
    key = kept_pages.open_key(deps, item.id)
    with ThreadPoolExecutor(1) as beside:  # the pages are sealed while the database works
        pages = beside.submit(kept_pages.seal, key, item.id, window, deps.now())
        return _apply(pull, target, update, pages)


@retrying
def _apply(pull: _Pull, target: Target, update: Update, pages: Future[list[SealedPage]] | None) -> Applied:
    deps = pull.deps
    with transaction(deps.engine, statement_seconds=_APPLY_SECONDS, lock_seconds=_LOCK_SECONDS) as connection:
        staged = None if update.empty else stage(connection, target, update)
        lock_owners(connection, [f"users/{target.user_id}"])
        update_status = move_cursor(connection, target, update.end_cursor, update.update_status)
        applied = NOTHING if staged is None else store(connection, target, staged)
        if pages is not None and imports.keeps(deps, applied):
            kept_pages.keep(connection, target.item_id, pages.result())
        pull.conclude(connection, applied, update, update_status)
        step("pull:applied")
    return applied


def _next_poll(now: datetime, created_at: datetime, update_status: str) -> datetime | None:
    """While the bank's history is not complete, look again without a webhook, ever more rarely as the item ages."""
    if update_status not in ("NOT_READY", "INITIAL"):
        return None
    return now + min(max(now - created_at, _FIRST_POLL), _LAST_POLL)


def _overtaken(pull: _Pull) -> None:
    discard(pull.deps, pull.item.id, pull.item.user_id)
    with transaction(pull.deps.engine) as connection:
        _record(connection, pull.item, pull.run, "deferred", error_code="cursor-moved")
    _log.info("pull_overtaken", item_id=str(pull.item.id))


def _from_the_beginning(pull: _Pull, refused: PlaidCursorRefused) -> tuple[str, Applied, datetime | None]:
    """The stored cursor is worth nothing any more: the next round tells everything anew, once."""
    if pull.item.resync or pull.item.cursor is None:
        return _failed(pull, refused)
    discard(pull.deps, pull.item.id, pull.item.user_id)
    with transaction(pull.deps.engine) as connection:
        _record(connection, pull.item, pull.run, "deferred", error_code=refused.plaid_code)
        want_resync(connection, pull.item.id)
    _log.error("cursor_refused", item_id=str(pull.item.id), code=refused.plaid_code, request_id=refused.request_id)
    return "deferred", NOTHING, None


def _failed(pull: _Pull, error: Exception) -> tuple[str, Applied, datetime | None]:
    """Records the failure, what the user is told of it, and when to try again (never, if only the user can mend it)."""
    deps, item, run = pull.deps, pull.item, pull.run
    if not isinstance(error, PlaidRateLimited | VaultFailed):
        discard(deps, item.id, item.user_id)
    was = Condition(item.status, item.error_code, item.error_message, item.consent_expires_at)
    code = getattr(error, "plaid_code", None) or getattr(error, "code", None) or "ledger-refused"
    told = condition_of_error({"error_code": code, "display_message": getattr(error, "display_message", None)}, was)
    final = told is not was
    further = isinstance(error, PlaidPaced) or (isinstance(error, PlaidRateLimited) and run.pages > 0)
    wait = _delay(error, 0 if further else item.failures)
    retry_at = None if final else deps.now() + timedelta(seconds=wait)
    outcome = _outcome(error)
    with transaction(deps.engine) as connection:
        if final:
            lock_owners(connection, [f"users/{item.user_id}"])
            set_condition(connection, item.id, told)
        _record(connection, item, run, outcome, error_code=code)
        if code in ACCOUNTS_CHANGED:
            look_again(connection, item.id, deps.now())
        if final:
            _settle(connection, deps, item, pull.wanted, None)
        else:
            connection.execute(_POSTPONE, {"item_id": item.id, "retry_at": retry_at, "further": further})
    expected = isinstance(error, PlaidTransient | PlaidMutation | PlaidRateLimited | VaultUnavailable) or final
    _log.log(
        30 if expected else 40, "pull_failed", item_id=str(item.id), code=code, reason=_reason(error), retry_at=retry_at
    )
    return outcome, NOTHING, retry_at


def _outcome(error: Exception) -> str:
    if isinstance(error, PlaidRateLimited):
        return "paced"
    return "deferred" if isinstance(error, PlaidMutation) else "failed"


def _reason(error: Exception) -> str:
    # A database error quotes the row, which is personal data: its SQLSTATE is enough.
    return f"SQLSTATE {sqlstate(error)}" if isinstance(error, IntegrityError | DataError) else str(error)


def _delay(error: Exception, failures: int) -> float:
    if isinstance(error, PlaidPaced):
        return max(error.seconds, _PACED_SECONDS)
    backoff = min(_FIRST_RETRY * 2.0**failures, _LAST_RETRY) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    return max(backoff, _floor(error) * random.uniform(1.0, 1.25))  # noqa: S311 - jitter


def _floor(error: Exception) -> float:
    match error:
        case PlaidRateLimited():
            return 60.0
        case PlaidTransient() | PlaidMutation():
            return FLOORS.get(error.plaid_code or "", 0.0)
        case PlaidRefused():
            return 3600.0  # our request or our settings are wrong: a person has to mend it
        case VaultUnavailable() | PagesDamaged():
            return 0.0
        case PlaidContract() | VaultFailed():
            return 900.0
        case _:
            return 900.0


def _settle(
    connection: Connection,
    deps: Deps,
    item: Row[Any],
    wanted: int,
    retry_at: datetime | None,
    *,
    resynced: bool = False,
) -> None:
    bound = {"item_id": item.id, "wanted": wanted, "retry_at": retry_at, "now": deps.now(), "resynced": resynced}
    bound["served"] = list(item.traces)
    connection.execute(_SETTLE, bound)


def _record(
    connection: Connection,
    item: Row[Any],
    run: Run,
    outcome: str,
    *,
    applied: Applied = NOTHING,
    told: Told | None = None,
    error_code: str | None = None,
) -> None:
    connection.execute(
        _RECORD,
        {
            **run.__dict__,
            **applied.__dict__,
            "item_id": item.id,
            "end_cursor": told.end_cursor if told else None,
            "anomalies": told.anomalies if told else 0,
            "outcome": outcome,
            "error_code": error_code,
        },
    )
