"""Pendings that never post: out of the totals after a while, and back the moment the bank speaks of them again.

Banks take up to 14 days to post; some forget to withdraw what they authorised and never charged. Such a row stays
where it is, marked as expired. Nothing is deleted, a crash leaves a batch done or not done, and twice is safe. Called
by the worker's schedule (expire_pendings), and by the store step for the rows just stored (hear).
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, text

from sync import log
from sync.db import lock_owners, retrying, transaction
from sync.deps import Deps

_log = log.get(__name__)

_USERS_AT_ONCE = 50
_OVERDUE = text("""
    select distinct user_id from transactions
    where pending and removed_at is null and expired_at is null and date < :before
      and (heard_on is null or heard_on < :before)
    order by user_id limit :at_once
""")
_EXPIRE = text("""
    update transactions set expired_at = :now
    where user_id = any (:user_ids) and pending and removed_at is null and expired_at is null and date < :before
      and (heard_on is null or heard_on < :before)
""")
# The rows staged are those whose content changed, or that are live again.
_HEAR = text("""
    update transactions as t set expired_at = null, heard_on = current_date
    from pulled_rows as s
    where s.known and t.plaid_transaction_id = s.plaid_transaction_id and t.expired_at is not null
""")


def expire_pendings(deps: Deps) -> int:
    """Marks every pending row that is overdue; answers how many. The time is PENDING_EXPIRES_DAYS after its date."""
    before = deps.now().date() - timedelta(days=deps.settings.pending_expires_days)
    expired = 0
    while batch := _expire_some(deps, before):
        expired += batch
    if expired:
        _log.info("pendings_expired", rows=expired)
    return expired


def hear(connection: Connection) -> None:
    """Brings back the expired rows that the bank has just spoken of; they wait their time anew."""
    connection.execute(_HEAR)


@retrying
def _expire_some(deps: Deps, before: date) -> int:
    with transaction(deps.engine) as connection:
        bound = {"before": before, "now": deps.now()}
        user_ids = list(connection.execute(_OVERDUE, {"before": before, "at_once": _USERS_AT_ONCE}).scalars())
        if not user_ids:
            return 0
        lock_owners(connection, [f"users/{user_id}" for user_id in user_ids])
        return connection.execute(_EXPIRE, bound | {"user_ids": user_ids}).rowcount
