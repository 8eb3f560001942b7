"""How fresh each bank is, in the ledger: stored with every pull, turned by time, asked of Plaid where that helps.

The promise (FRESHNESS_PROMISE_HOURS): what Plaid knows is in the ledger at most that much later, webhook or not. It
rests on looks, which are ordinary pulls: one call that brings the data itself, where /item/get would cost one call to
learn that another is needed. Only a look that found nothing asks /item/get, to tell a quiet bank from one that Plaid
cannot reach, and to hear of what lost webhooks said. A crash leaves the times of the next look and question as they
were. `pulled` is called by pull.py under the owner's lock, `ask` by the worker's task, the rest by sweep.py.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.errors import DatabaseBusy, PlaidContract, PlaidError, PlaidPaced, VaultFailed
from sync.keys.vault import Sealed
from sync.pull.conditions import STATUSES
from sync.pull.rhythm import Freshness, Told, after_answer, after_pull, look_after

_log = log.get(__name__)

_AT_ONCE = 500
_NOT_PULLED = [name for name, status in STATUSES.items() if not status.pulled]

_READ = text("""
    select f.state, f.bank_updated_at, f.changed_at, f.looked_at, f.asked_at, f.bank_failed_at, f.gaps, f.empty_looks,
        f.look_at, f.ask_at, f.quiet_at, f.stale_at, p.last_webhook_at
    from item_pulls as p left join item_freshness as f on f.id = p.item_id
    where p.item_id = :item_id
""")
_WRITE = text("""
    insert into item_freshness as f (id, user_id, state, bank_updated_at, changed_at, looked_at, asked_at,
        bank_failed_at, gaps, empty_looks, look_at, ask_at, quiet_at, stale_at, turn_at)
    values (:item_id, :user_id, :state, :bank_updated_at, :changed_at, :looked_at, :asked_at, :bank_failed_at,
        cast(:gaps as integer[]), :empty_looks, :look_at, :ask_at, :quiet_at, :stale_at, :turn_at)
    on conflict (id) do update set state = excluded.state, bank_updated_at = excluded.bank_updated_at,
        changed_at = excluded.changed_at, looked_at = excluded.looked_at, asked_at = excluded.asked_at,
        bank_failed_at = excluded.bank_failed_at, gaps = excluded.gaps, empty_looks = excluded.empty_looks,
        look_at = excluded.look_at, ask_at = excluded.ask_at, quiet_at = excluded.quiet_at,
        stale_at = excluded.stale_at, turn_at = excluded.turn_at
""")
# An item that was never pulled, or not since this table is there: looked at within the promise, spread over half of it.
_BEGIN = text("""
    insert into item_freshness (id, user_id, look_at, stale_at, turn_at)
    select p.item_id, p.user_id,
        greatest(now.at, coalesce(p.last_pulled_at, now.at)
            + cast(:bound as interval) * (0.5 + 0.5 * abs(hashtext(p.item_id::text) % 1000) / 1000.0)),
        now.at + cast(:promise as interval), now.at + cast(:promise as interval)
    from item_pulls as p join items as i on i.id = p.item_id cross join (select cast(:now as timestamptz) as at) as now
    where i.removed_at is null and not exists (select from item_freshness as f where f.id = p.item_id)
    order by p.item_id
    on conflict (id) do nothing
""")
# Nothing is looked at that is gone or waits for its user; who repairs an item wants a pull anyway.
_PARK = text("""
    update item_freshness as f set ask_at = null,
        look_at = case when i.removed_at is null then cast(:later as timestamptz) end,
        turn_at = case when i.removed_at is null then cast(:later as timestamptz) end
    from items as i
    where i.id = f.id and (f.look_at <= :now or f.ask_at <= :now or f.turn_at <= :now)
      and (i.removed_at is not null or i.status = any (:not_pulled))
""")
_LOOK = text("""
    with due as (
        select p.item_id from item_freshness as f join item_pulls as p on p.item_id = f.id
        where f.look_at <= :now and p.wanted = p.done
        order by f.look_at
        limit :most
        for update of p skip locked)
    update item_pulls as p set wanted = p.wanted + 1 from due where p.item_id = due.item_id
""")
_OPEN = text("select count(*) from (select from item_pulls where wanted > done limit :most) as open")
_TO_ASK = text("select id from item_freshness where ask_at <= :now order by ask_at limit :most")
_TURNING = text("select user_id, id from item_freshness where turn_at <= :now order by turn_at limit :most")
_TURN = text("""
    update item_freshness set state = case when stale_at <= :now then 'stale' else 'quiet' end,
        turn_at = case when stale_at <= :now then null else stale_at end
    where id = any (:ids) and turn_at <= :now
""")
_ASKABLE = text("""
    select i.user_id, t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from item_freshness as f join items as i on i.id = f.id join item_tokens as t on t.item_id = i.id
    where f.id = :item_id and f.ask_at is not null and i.removed_at is null and i.status <> 'revoked'
""")
_WANT = text("update item_pulls set wanted = wanted + 1 where item_id = :item_id and wanted = done")
_PUT_OFF = text("update item_freshness set ask_at = :at where id = :item_id and ask_at is not null")


def pulled(connection: Connection, deps: Deps, item_id: UUID, user_id: str, *, changed: bool) -> None:
    """Stores that a pull went well, in its own commit; the caller holds the owner's lock. Writes one row."""
    known, webhook_at = _read(connection, item_id)
    known = after_pull(known, item_id, deps.now(), _promise(deps), changed=changed, webhook_at=webhook_at)
    _write(connection, item_id, user_id, known)


@retrying
def want_looks(deps: Deps, calls: int) -> None:
    """Wants a pull of the items whose look is due, the longest due first, at most `calls` with those wanted already.

    A backlog of other pulls never stops the looks: a tenth of `calls` is theirs. A pull or a second sweep that stores
    an item's first freshness at the same time is waited for, and what it stored stays.
    """
    now, promise = deps.now(), _promise(deps)
    bound = look_after(Freshness(empty_looks=10), UUID(int=0), promise)
    with transaction(deps.engine) as connection:
        connection.execute(_BEGIN, {"now": now, "promise": promise, "bound": bound})
        connection.execute(_PARK, {"now": now, "later": now + bound, "not_pulled": _NOT_PULLED})
        waiting = connection.execute(_OPEN, {"most": calls}).scalar_one()
        connection.execute(_LOOK, {"now": now, "most": max(calls - waiting, calls // 10, 1)})


def to_ask(connection: Connection, now: datetime) -> list[UUID]:
    """The items whose bank is to be asked about."""
    return list(connection.execute(_TO_ASK, {"now": now, "most": _AT_ONCE}).scalars())


def turn(deps: Deps) -> int:
    """Turns the state of items by the clock, ok to quiet and to stale; answers of how many. Twice is safe."""
    now, by_user = deps.now(), defaultdict[str, list[UUID]](list)
    with transaction(deps.engine) as connection:
        for user_id, item_id in connection.execute(_TURNING, {"now": now, "most": _AT_ONCE}):
            by_user[user_id].append(item_id)
    return sum(_turn(deps, now, user_id, ids) for user_id, ids in by_user.items())


@retrying
def _turn(deps: Deps, now: datetime, user_id: str, ids: list[UUID]) -> int:
    try:
        with transaction(deps.engine) as connection:
            lock_owners(connection, [f"users/{user_id}"])
            return connection.execute(_TURN, {"now": now, "ids": ids}).rowcount
    except DatabaseBusy:  # behind an import of theirs: the next sweep turns it
        return 0


def ask(deps: Deps, item_id: UUID) -> bool:
    """Asks Plaid how it gets on with an item's bank, if that is due; answers whether Plaid told.

    News that no webhook brought want a pull. A failure is not an item's trouble: its next empty look asks again.
    """
    assert deps.plaid is not None
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        item = connection.execute(_ASKABLE, {"item_id": item_id}).first()
    try:
        told = None if item is None else _told(deps.plaid.item_and_status(deps.vault.decrypt(item_id, Sealed.of(item))))
    except (PlaidError, VaultFailed) as error:
        _put_off(deps, item_id, error)
        return False
    if item is None or told is None:
        return False
    if _store(deps, item_id, item.user_id, told):
        deps.ring("pull_item", {"item_id": str(item_id)})
    return True


@retrying
def _store(deps: Deps, item_id: UUID, user_id: str, told: Told) -> bool:
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{user_id}"])
        known, _ = _read(connection, item_id)
        _write(connection, item_id, user_id, after_answer(known, deps.now(), _promise(deps), told))
        return told.is_news(known) and connection.execute(_WANT, {"item_id": item_id}).rowcount == 1


def _put_off(deps: Deps, item_id: UUID, error: PlaidError | VaultFailed) -> None:
    at = deps.now() + timedelta(seconds=error.seconds) if isinstance(error, PlaidPaced) else None
    with transaction(deps.engine) as connection:
        connection.execute(_PUT_OFF, {"item_id": item_id, "at": at})
    _log.warning("bank_not_asked", item_id=str(item_id), reason=error.code)


def _read(connection: Connection, item_id: UUID) -> tuple[Freshness, datetime | None]:
    row = dict(connection.execute(_READ, {"item_id": item_id}).mappings().one())
    webhook_at = row.pop("last_webhook_at")
    if row["state"] is None:  # never pulled
        return Freshness(), webhook_at
    return Freshness(**{**row, "gaps": tuple(row["gaps"])}), webhook_at


def _write(connection: Connection, item_id: UUID, user_id: str, known: Freshness) -> None:
    values = {**asdict(known), "gaps": list(known.gaps), "turn_at": known.turn_at()}
    connection.execute(_WRITE, {"item_id": item_id, "user_id": user_id, **values})


def _promise(deps: Deps) -> timedelta:
    return timedelta(hours=deps.settings.freshness_promise_hours)


# --- Plaid's words ---


def _told(answer: dict[str, Any]) -> Told:
    status = _map(answer, "status")
    transactions, error = _map(status, "transactions"), _map(_map(answer, "item"), "error")
    return Told(
        updated_at=_time(transactions, "last_successful_update"),
        failed_at=_time(transactions, "last_failed_update"),
        webhook_at=_time(_map(status, "last_webhook"), "sent_at"),
        error_code=error.get("error_code"),
    )


def _map(source: dict[str, Any], key: str) -> dict[str, Any]:
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def _time(source: dict[str, Any], key: str) -> datetime | None:
    value = source.get(key)
    try:
        moment = None if value is None else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise PlaidContract(f"{key} is not a time") from None
    if moment is not None and moment.tzinfo is None:
        raise PlaidContract(f"{key} has no time zone")
    return moment
