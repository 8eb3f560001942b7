"""Recurring streams: payments that come again and again, as Plaid finds them in an item's history.

Read when Plaid's webhook says that they changed, once the history is complete, and weekly; only with PLAID_RECURRING,
because Plaid charges for it. A stream is upserted by Plaid's id; what is equal writes nothing, and what Plaid does not
name any more leaves the page. Plaid is asked outside any transaction. When an item is due stands in item_pulls, so a
lost doorbell or a crash costs one round of the sweep. Called by the worker's task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps
from sync.errors import PlaidContract, PlaidError, PlaidRateLimited, PlaidRefused, VaultFailed
from sync.keys.vault import Sealed
from sync.pull.pages import BankStream, read_stream

_log = log.get(__name__)

_AT_ONCE = 50
_AGAIN_AFTER, _RETRY_AFTER = timedelta(days=7), timedelta(hours=1)

_DUE = text("""
    select i.id
    from items as i join item_pulls as p on p.item_id = i.id
    where i.removed_at is null and i.status in ('ok', 'pending_disconnect') and i.update_status = 'HISTORICAL'
      and coalesce(p.recurring_due_at, '-infinity') <= :now
    order by p.recurring_due_at nulls first
    limit :at_once
""")
_ITEM = text("""
    select i.id, i.user_id, t.key_id, t.nonce, t.ciphertext, t.wrapped_key
    from items as i join item_tokens as t on t.item_id = i.id
    where i.id = :item_id and i.removed_at is null
""")
_WANT = text("""
    update item_pulls set recurring_due_at = :now
    where item_id = :item_id and recurring_due_at is distinct from 'infinity'
""")
_NEXT = text("update item_pulls set recurring_due_at = cast(:due as timestamptz) where item_id = :item_id")
_UPSERT = text("""
    with told as (
        select s.*, a.id as account_id, coalesce(detailed.id, main.id, 'UNCATEGORIZED') as category_id
        from unnest(cast(:plaid_stream_id as text[]), cast(:plaid_account_id as text[]), cast(:direction as text[]),
            cast(:description as text[]), cast(:merchant_name as text[]), cast(:frequency as text[]),
            cast(:status as text[]), cast(:active as boolean[]), cast(:first_date as date[]),
            cast(:last_date as date[]), cast(:next_date as date[]), cast(:average_amount as numeric[]),
            cast(:last_amount as numeric[]), cast(:iso_currency as text[]), cast(:unofficial_currency as text[]),
            cast(:category_primary as text[]), cast(:category_detailed as text[]), cast(:rows as integer[]),
            cast(:content_sha256 as bytea[]))
            as s(plaid_stream_id, plaid_account_id, direction, description, merchant_name, frequency, status, active,
                first_date, last_date, next_date, average_amount, last_amount, iso_currency, unofficial_currency,
                category_primary, category_detailed, rows, content_sha256)
        join accounts as a on a.plaid_account_id = s.plaid_account_id and a.item_id = :item_id
        left join categories as detailed on detailed.id = s.category_detailed and detailed.user_id is null
        left join categories as main on main.id = s.category_primary and main.user_id is null
    )
    insert into recurring_streams as r (user_id, item_id, account_id, plaid_stream_id, direction, description,
        merchant_name, frequency, status, active, first_date, last_date, next_date, average_amount, last_amount,
        iso_currency, unofficial_currency, bank_category_id, transaction_count, content_sha256)
    select :user_id, :item_id, account_id, plaid_stream_id, direction, description, merchant_name, frequency, status,
        active, first_date, last_date, next_date, average_amount, last_amount, iso_currency, unofficial_currency,
        category_id, rows, content_sha256
    from told
    on conflict (item_id, plaid_stream_id) do update set
        account_id = excluded.account_id, direction = excluded.direction, description = excluded.description,
        merchant_name = excluded.merchant_name, frequency = excluded.frequency, status = excluded.status,
        active = excluded.active, first_date = excluded.first_date, last_date = excluded.last_date,
        next_date = excluded.next_date, average_amount = excluded.average_amount,
        last_amount = excluded.last_amount, iso_currency = excluded.iso_currency,
        unofficial_currency = excluded.unofficial_currency, bank_category_id = excluded.bank_category_id,
        transaction_count = excluded.transaction_count, content_sha256 = excluded.content_sha256, removed_at = null
    where (r.content_sha256, r.account_id, r.removed_at)
        is distinct from (excluded.content_sha256, excluded.account_id, null::timestamptz)
""")
_REMOVE = text("""
    update recurring_streams set removed_at = now()
    where item_id = :item_id and removed_at is null and not (plaid_stream_id = any (:told))
""")


def want_recurring(connection: Connection, item_id: UUID, now: datetime) -> None:
    """Notes that an item's streams changed; the sweep reads them. Twice is safe."""
    connection.execute(_WANT, {"item_id": item_id, "now": now})


def read_due(deps: Deps) -> int:
    """Reads the streams of all items that are due; answers how many. Nothing without PLAID_RECURRING."""
    if not deps.settings.plaid_recurring:
        return 0
    with transaction(deps.engine) as connection:
        due = connection.execute(_DUE, {"now": deps.now(), "at_once": _AT_ONCE}).scalars().all()
    for item_id in due:
        read_recurring(deps, item_id)
    return len(due)


def read_recurring(deps: Deps, item_id: UUID) -> bool:
    """Brings one item's streams to what Plaid tells; a failure puts them off. Answers whether they were read."""
    assert deps.plaid is not None
    assert deps.vault is not None
    with transaction(deps.engine) as connection:
        item = connection.execute(_ITEM, {"item_id": item_id}).first()
    if item is None:
        return False
    try:
        streams = read_streams(deps.plaid.recurring(deps.vault.decrypt(item_id, Sealed.of(item))))
    except (PlaidError, VaultFailed) as error:
        _put_off(deps, item_id, error)
        return False
    _store(deps, item, streams)
    return True


def read_streams(told: dict[str, Any]) -> list[BankStream]:
    """Checks Plaid's answer; raises PlaidContract."""
    streams: list[BankStream] = []
    for key, direction in (("inflow_streams", "in"), ("outflow_streams", "out")):
        listed = told.get(key)
        if not isinstance(listed, list) or not all(isinstance(stream, dict) for stream in listed):
            raise PlaidContract(f"{key} is not a list of objects")
        streams += [read_stream(stream, direction) for stream in listed]
    return streams


@retrying
def _store(deps: Deps, item: Row[Any], streams: list[BankStream]) -> None:
    columns = {name: [getattr(stream, name) for stream in streams] for name in BankStream._fields}
    bound = {"item_id": item.id, "user_id": item.user_id}
    with transaction(deps.engine) as connection:
        lock_owners(connection, [f"users/{item.user_id}"])
        connection.execute(_UPSERT, bound | columns | {"content_sha256": list(_digests(streams))})
        connection.execute(_REMOVE, bound | {"told": columns["plaid_stream_id"]})
        connection.execute(_NEXT, bound | {"due": deps.now() + _AGAIN_AFTER})


def _digests(streams: Iterable[BankStream]) -> Iterable[bytes]:
    for stream in streams:
        yield hashlib.sha256(json.dumps(stream, default=str).encode()).digest()


def _put_off(deps: Deps, item_id: UUID, error: PlaidError | VaultFailed) -> None:
    """Tries again in an hour; never, where the bank does not offer it."""
    never = isinstance(error, PlaidRefused) and error.plaid_code in ("PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED")
    due = "infinity" if never else (deps.now() + _RETRY_AFTER).isoformat()
    with transaction(deps.engine) as connection:
        connection.execute(_NEXT, {"item_id": item_id, "due": due})
    if not isinstance(error, PlaidRateLimited):
        _log.warning("recurring_put_off", item_id=str(item_id), reason=str(error), never=never)
